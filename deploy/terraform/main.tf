# A bucket for the tables, a PostgreSQL for catalog and ledger, and the rights of whoever runs the lake, on AWS.
# It was never applied by us: read it as the list of what a lake needs.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.0" }
  }
}

variable "name" {
  type    = string
  default = "lake"
}

variable "subnets" {
  type        = list(string)
  description = "Private subnets, from which the runs reach the database."
}

variable "runs_in" {
  type        = string
  description = "The security group of what runs the lake."
}

resource "aws_s3_bucket" "warehouse" {
  bucket_prefix = "${var.name}-"

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "warehouse" {
  bucket                  = aws_s3_bucket.warehouse.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# No lifecycle rule removes objects: only `lakeflow gc` knows which files a table still needs. Parts of uploads that
# nobody ended are another matter.
resource "aws_s3_bucket_lifecycle_configuration" "warehouse" {
  bucket = aws_s3_bucket.warehouse.id

  rule {
    id     = "uploads-that-nobody-ended"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_db_subnet_group" "catalog" {
  name       = var.name
  subnet_ids = var.subnets
}

resource "aws_db_instance" "catalog" {
  identifier                  = var.name
  engine                      = "postgres"
  engine_version              = "16"
  instance_class              = "db.t4g.micro"
  allocated_storage           = 20
  storage_encrypted           = true
  db_name                     = "lake"
  username                    = "lake"
  manage_master_user_password = true
  db_subnet_group_name        = aws_db_subnet_group.catalog.name
  vpc_security_group_ids      = [var.runs_in]
  publicly_accessible         = false
  # The pointers to all tables are here: back them up as you would the tables.
  backup_retention_period = 14
  deletion_protection     = true
}

# What a run does with files: read, list, write, and remove what gc found. No right on the bucket itself.
data "aws_iam_policy_document" "runs" {
  statement {
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.warehouse.arn}/*"]
  }
  statement {
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.warehouse.arn]
  }
}

# Whoever only reads tables, with another engine, needs no more than this.
data "aws_iam_policy_document" "readers" {
  statement {
    actions   = ["s3:GetObject", "s3:ListBucket"]
    resources = [aws_s3_bucket.warehouse.arn, "${aws_s3_bucket.warehouse.arn}/*"]
  }
}

resource "aws_iam_policy" "runs" {
  name   = "${var.name}-runs"
  policy = data.aws_iam_policy_document.runs.json
}

resource "aws_iam_policy" "readers" {
  name   = "${var.name}-readers"
  policy = data.aws_iam_policy_document.readers.json
}

output "warehouse" {
  value = "s3://${aws_s3_bucket.warehouse.bucket}/"
}

output "catalog" {
  value       = "postgresql://lake@${aws_db_instance.catalog.endpoint}/lake"
  description = "The password is a secret that the database keeps: pass it in LAKEFLOW_CATALOG, in no file."
}
