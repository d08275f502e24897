import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.apache.iceberg.exceptions.AlreadyExistsException;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.InputFile;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.io.PositionOutputStream;
import org.apache.iceberg.io.SeekableInputStream;

/**
 * Objects of an S3 store for Iceberg's Java library, whose own S3FileIO needs the AWS SDK. It takes the settings by the
 * same names, asks by path, signs with version 4, and holds each object in memory until it is whole.
 */
public final class StoreIO implements FileIO {
  private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'");
  private static final String TOKEN = "s3.session-token";
  private static final String BODY = "UNSIGNED-PAYLOAD";
  private final Map<String, String> said = new HashMap<>();
  private transient HttpClient client; // Spark sends the rest of this to its tasks

  @Override
  public void initialize(Map<String, String> properties) {
    said.putAll(properties);
  }

  @Override
  public Map<String, String> properties() {
    return said;
  }

  private synchronized HttpClient client() {
    if (client == null) {
      client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    }
    return client;
  }

  @Override
  public InputFile newInputFile(String location) {
    return new Stored(location);
  }

  @Override
  public OutputFile newOutputFile(String location) {
    return new Made(location);
  }

  @Override
  public void deleteFile(String location) {
    done(location, asked("DELETE", location, new byte[0]));
  }

  private final class Stored implements InputFile {
    private final String location;
    private byte[] content;

    private Stored(String location) {
      this.location = location;
    }

    @Override
    public long getLength() {
      return content().length;
    }

    @Override
    public SeekableInputStream newStream() {
      return new Held(content());
    }

    @Override
    public String location() {
      return location;
    }

    @Override
    public boolean exists() {
      return asked("GET", location, new byte[0]).statusCode() == 200;
    }

    private byte[] content() {
      if (content == null) {
        content = done(location, asked("GET", location, new byte[0]));
      }
      return content;
    }
  }

  private static final class Held extends SeekableInputStream {
    private final byte[] content;
    private ByteArrayInputStream rest;

    private Held(byte[] content) {
      this.content = content;
      this.rest = new ByteArrayInputStream(content);
    }

    @Override
    public long getPos() {
      return content.length - rest.available();
    }

    @Override
    public void seek(long place) {
      rest = new ByteArrayInputStream(content, (int) place, content.length - (int) place);
    }

    @Override
    public int read() {
      return rest.read();
    }

    @Override
    public int read(byte[] into, int from, int length) {
      return rest.read(into, from, length);
    }
  }

  private final class Made implements OutputFile {
    private final String location;

    private Made(String location) {
      this.location = location;
    }

    @Override
    public PositionOutputStream create() {
      if (toInputFile().exists()) {
        throw new AlreadyExistsException("%s exists", location);
      }
      return createOrOverwrite();
    }

    @Override
    public PositionOutputStream createOrOverwrite() {
      return new Gathered(location);
    }

    @Override
    public String location() {
      return location;
    }

    @Override
    public InputFile toInputFile() {
      return new Stored(location);
    }
  }

  /** One request puts all of it when it is closed. */
  private final class Gathered extends PositionOutputStream {
    private final String location;
    private final ByteArrayOutputStream content = new ByteArrayOutputStream();
    private boolean closed;

    private Gathered(String location) {
      this.location = location;
    }

    @Override
    public long getPos() {
      return content.size();
    }

    @Override
    public void write(int one) {
      content.write(one);
    }

    @Override
    public void write(byte[] from, int at, int length) {
      content.write(from, at, length);
    }

    @Override
    public void close() {
      if (!closed) {
        done(location, asked("PUT", location, content.toByteArray()));
        closed = true;
      }
    }
  }

  private static byte[] done(String location, HttpResponse<byte[]> answer) {
    if (answer.statusCode() / 100 != 2) {
      String why = new String(answer.body(), StandardCharsets.UTF_8);
      throw new UncheckedIOException(new IOException(location + ": " + answer.statusCode() + " " + why));
    }
    return answer.body();
  }

  private HttpResponse<byte[]> asked(String method, String location, byte[] sent) {
    URI endpoint = URI.create(said.get("s3.endpoint"));
    String path = "/" + encoded(location.substring(location.indexOf("://") + 3));
    String now = ZonedDateTime.now(ZoneOffset.UTC).format(TIME);
    HttpRequest.Builder request =
        HttpRequest.newBuilder(endpoint.resolve(path))
            .method(method, sent.length == 0 ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(sent))
            .header("x-amz-date", now)
            .header("x-amz-content-sha256", BODY)
            .header("Authorization", authorization(method, endpoint.getAuthority(), path, now));
    if (said.containsKey(TOKEN)) {
      request.header("x-amz-security-token", said.get(TOKEN));
    }
    try {
      return client().send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    } catch (InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }

  private String authorization(String method, String host, String path, String now) {
    String day = now.substring(0, 8);
    String region = said.getOrDefault("client.region", "us-east-1");
    String scope = day + "/" + region + "/s3/aws4_request";
    String headers = "host:" + host + "\nx-amz-content-sha256:" + BODY + "\nx-amz-date:" + now + "\n";
    String signed = "host;x-amz-content-sha256;x-amz-date";
    if (said.containsKey(TOKEN)) {
      headers += "x-amz-security-token:" + said.get(TOKEN) + "\n";
      signed += ";x-amz-security-token";
    }
    String asked = method + "\n" + path + "\n\n" + headers + "\n" + signed + "\n" + BODY;
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(asked.getBytes(StandardCharsets.UTF_8));
      String told = "AWS4-HMAC-SHA256\n" + now + "\n" + scope + "\n" + HexFormat.of().formatHex(digest);
      byte[] key = ("AWS4" + said.get("s3.secret-access-key")).getBytes(StandardCharsets.UTF_8);
      for (String part : new String[] {day, region, "s3", "aws4_request"}) {
        key = sealed(key, part);
      }
      String who = "Credential=" + said.get("s3.access-key-id") + "/" + scope;
      String signature = HexFormat.of().formatHex(sealed(key, told));
      return "AWS4-HMAC-SHA256 " + who + ", SignedHeaders=" + signed + ", Signature=" + signature;
    } catch (GeneralSecurityException error) {
      throw new IllegalStateException(error);
    }
  }

  private static byte[] sealed(byte[] key, String text) throws GeneralSecurityException {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(key, "HmacSHA256"));
    return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String encoded(String text) {
    StringBuilder made = new StringBuilder();
    for (byte one : text.getBytes(StandardCharsets.UTF_8)) {
      char as = (char) (one & 0xff);
      boolean plain = as < 128 && (Character.isLetterOrDigit(as) || "-._~/".indexOf(as) >= 0);
      made.append(plain ? String.valueOf(as) : String.format("%%%02X", (int) as));
    }
    return made.toString();
  }
}
