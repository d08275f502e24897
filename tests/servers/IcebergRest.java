import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.StringReader;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.BaseTransaction;
import org.apache.iceberg.TableOperations;
import org.apache.iceberg.Transaction;
import org.apache.iceberg.Transactions;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.exceptions.AlreadyExistsException;
import org.apache.iceberg.exceptions.CommitFailedException;
import org.apache.iceberg.exceptions.NamespaceNotEmptyException;
import org.apache.iceberg.exceptions.NoSuchNamespaceException;
import org.apache.iceberg.exceptions.NoSuchTableException;
import org.apache.iceberg.exceptions.BadRequestException;
import org.apache.iceberg.exceptions.ValidationException;
import org.apache.iceberg.jdbc.JdbcCatalog;
import org.apache.iceberg.rest.CatalogHandlers;
import org.apache.iceberg.rest.RESTSerializers;
import org.apache.iceberg.rest.requests.CommitTransactionRequest;
import org.apache.iceberg.rest.requests.CreateNamespaceRequest;
import org.apache.iceberg.rest.requests.CreateTableRequest;
import org.apache.iceberg.rest.requests.RegisterTableRequest;
import org.apache.iceberg.rest.requests.RenameTableRequest;
import org.apache.iceberg.rest.requests.UpdateNamespacePropertiesRequest;
import org.apache.iceberg.rest.requests.UpdateTableRequest;
import org.apache.iceberg.rest.responses.ConfigResponse;
import org.apache.iceberg.rest.responses.ErrorResponse;
import org.apache.iceberg.shaded.com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import org.apache.iceberg.shaded.com.fasterxml.jackson.annotation.PropertyAccessor;
import org.apache.iceberg.shaded.com.fasterxml.jackson.databind.DeserializationFeature;
import org.apache.iceberg.shaded.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.iceberg.shaded.com.fasterxml.jackson.databind.PropertyNamingStrategies;

/**
 * What Iceberg's own library answers as a REST catalog, on a port that the system gives: {@code IcebergRest FOLDER}.
 * What {@code FOLDER/catalog.properties} says is each catalog's; where it says {@code warehouse}, tables lie there, else
 * in the folder.
 *
 * <p>Each warehouse that somebody asks for in {@code /v1/config} is a catalog of its own in the folder, behind a prefix
 * of its own. As in the library's adapter, a transaction is checked as a whole and then committed table after table.
 */
public final class IcebergRest {
  private static final ObjectMapper JSON = mapper();
  private final Path folder;
  private final Map<String, String> said;
  private final Map<String, JdbcCatalog> catalogs = new ConcurrentHashMap<>();

  private IcebergRest(Path folder, Map<String, String> said) {
    this.folder = folder;
    this.said = said;
  }

  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    IcebergRest rest = new IcebergRest(folder, said(folder.resolve("catalog.properties")));
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 64);
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.createContext("/v1/", rest::answer);
    server.start();
    System.out.println("port=" + server.getAddress().getPort() + ".");
  }

  private static Map<String, String> said(Path file) throws IOException {
    Properties found = new Properties();
    if (Files.exists(file)) {
      found.load(new StringReader(Files.readString(file)));
    }
    Map<String, String> said = new HashMap<>();
    found.forEach((name, text) -> said.put((String) name, (String) text));
    return said;
  }

  private static ObjectMapper mapper() {
    ObjectMapper mapper = new ObjectMapper();
    mapper.setVisibility(PropertyAccessor.FIELD, Visibility.ANY);
    mapper.configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
    mapper.setPropertyNamingStrategy(PropertyNamingStrategies.KEBAB_CASE);
    RESTSerializers.registerAll(mapper);
    return mapper;
  }

  private void answer(HttpExchange exchange) throws IOException {
    int code = 200;
    byte[] body = new byte[0];
    try {
      Object answer = answerTo(exchange);
      code = answer == null ? 204 : 200;
      body = answer == null ? body : JSON.writeValueAsBytes(answer);
    } catch (Exception error) {
      code = codeOf(error);
      body = JSON.writeValueAsBytes(ErrorResponse.builder().responseCode(code)
          .withType(error.getClass().getSimpleName()).withMessage(String.valueOf(error.getMessage())).build());
    }
    boolean silent = code == 204 || exchange.getRequestMethod().equals("HEAD");
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(code, silent ? -1 : body.length);
    if (!silent) {
      exchange.getResponseBody().write(body);
    }
    exchange.close();
  }

  private static int codeOf(Exception error) {
    if (error instanceof CommitFailedException || error instanceof AlreadyExistsException
        || error instanceof NamespaceNotEmptyException) {
      return 409;
    }
    if (error instanceof NoSuchTableException || error instanceof NoSuchNamespaceException) {
      return 404;
    }
    return error instanceof ValidationException || error instanceof IllegalArgumentException
        || error instanceof BadRequestException ? 400 : 500;
  }

  private Object answerTo(HttpExchange exchange) throws Exception {
    String[] path = exchange.getRequestURI().getRawPath().substring("/v1/".length()).split("/");
    for (int place = 0; place < path.length; place++) {
      path[place] = URLDecoder.decode(path[place].replace("+", "%2B"), StandardCharsets.UTF_8);
    }
    String method = exchange.getRequestMethod();
    byte[] sent = exchange.getRequestBody().readAllBytes();
    if (path[0].equals("config")) {
      String prefix = warehouseIn(exchange.getRequestURI().getQuery());
      return ConfigResponse.builder().withOverride("prefix", prefix).build();
    }
    JdbcCatalog catalog = catalogs.computeIfAbsent(path[0], this::catalog);
    return switch (path[1]) {
      case "transactions" -> commit(catalog, read(sent, CommitTransactionRequest.class));
      case "tables" -> {
        CatalogHandlers.renameTable(catalog, read(sent, RenameTableRequest.class));
        yield null;
      }
      default -> path.length == 2 ? namespaces(catalog, method, sent) : within(catalog, path, method, sent);
    };
  }

  private static String warehouseIn(String query) {
    for (String part : query == null ? new String[0] : query.split("&")) {
      if (part.startsWith("warehouse=")) {
        return part.substring("warehouse=".length()).replaceAll("[^A-Za-z0-9_-]", "_");
      }
    }
    return "main";
  }

  private JdbcCatalog catalog(String name) {
    Path home = folder.resolve(name);
    try {
      Files.createDirectories(home);
    } catch (IOException error) {
      throw new IllegalStateException(error);
    }
    JdbcCatalog catalog = new JdbcCatalog();
    catalog.setConf(new Configuration());
    Map<String, String> properties = new HashMap<>(said);
    properties.put("uri", "jdbc:sqlite:" + home.resolve("catalog.db"));
    properties.put("warehouse", said.getOrDefault("warehouse", "file://" + folder) + "/" + name + "/tables");
    properties.put("jdbc.schema-version", "V1");
    catalog.initialize(name, properties);
    return catalog;
  }

  private static Object namespaces(JdbcCatalog catalog, String method, byte[] sent) throws IOException {
    return method.equals("GET")
        ? CatalogHandlers.listNamespaces(catalog, Namespace.empty())
        : CatalogHandlers.createNamespace(catalog, read(sent, CreateNamespaceRequest.class));
  }

  private static Object within(JdbcCatalog catalog, String[] path, String method, byte[] sent) throws IOException {
    Namespace namespace = Namespace.of(path[2].split("\u001f"));
    if (path.length == 3) {
      return namespace(catalog, namespace, method);
    }
    return switch (path[3]) {
      case "register" -> CatalogHandlers.registerTable(catalog, namespace, read(sent, RegisterTableRequest.class));
      case "properties" -> CatalogHandlers.updateNamespaceProperties(
          catalog, namespace, read(sent, UpdateNamespacePropertiesRequest.class));
      default -> path.length == 4 ? tables(catalog, namespace, method, sent)
          : table(catalog, TableIdentifier.of(namespace, path[4]), method, sent);
    };
  }

  private static Object namespace(JdbcCatalog catalog, Namespace namespace, String method) {
    if (method.equals("DELETE")) {
      CatalogHandlers.dropNamespace(catalog, namespace);
      return null;
    }
    return CatalogHandlers.loadNamespace(catalog, namespace);
  }

  private static Object tables(JdbcCatalog catalog, Namespace namespace, String method, byte[] sent) throws IOException {
    if (method.equals("GET")) {
      return CatalogHandlers.listTables(catalog, namespace);
    }
    CreateTableRequest request = read(sent, CreateTableRequest.class);
    request.validate();
    return request.stageCreate() ? CatalogHandlers.stageTableCreate(catalog, namespace, request)
        : CatalogHandlers.createTable(catalog, namespace, request);
  }

  private static Object table(JdbcCatalog catalog, TableIdentifier table, String method, byte[] sent) throws IOException {
    switch (method) {
      case "GET":
        return CatalogHandlers.loadTable(catalog, table);
      case "HEAD":
        CatalogHandlers.loadTable(catalog, table);
        return null;
      case "DELETE":
        CatalogHandlers.dropTable(catalog, table);
        return null;
      default:
        return CatalogHandlers.updateTable(catalog, table, read(sent, UpdateTableRequest.class));
    }
  }

  private static Object commit(JdbcCatalog catalog, CommitTransactionRequest request) throws Exception {
    request.validate();
    List<Transaction> transactions = new ArrayList<>();
    for (UpdateTableRequest change : request.tableChanges()) {
      BaseTable table = (BaseTable) catalog.loadTable(change.identifier());
      Transaction transaction = Transactions.newTransaction(change.identifier().toString(), table.operations());
      apply(((BaseTransaction.TransactionTable) transaction.table()).operations(), change);
      transactions.add(transaction);
    }
    transactions.forEach(Transaction::commitTransaction);
    return null;
  }

  /** The library applies changes with a method of its own package. */
  private static void apply(TableOperations table, UpdateTableRequest change) throws Exception {
    Method commit = CatalogHandlers.class.getDeclaredMethod("commit", TableOperations.class, UpdateTableRequest.class);
    commit.setAccessible(true);
    try {
      commit.invoke(null, table, change);
    } catch (InvocationTargetException error) {
      throw error.getCause() instanceof Exception cause ? cause : error;
    }
  }

  private static <T> T read(byte[] sent, Class<T> kind) throws IOException {
    return JSON.readValue(sent, kind);
  }
}
