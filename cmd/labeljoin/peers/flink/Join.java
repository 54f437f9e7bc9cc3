import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/**
 * Runs a script of Flink SQL in this process, a cluster of one, and prints what its INSERT took: seconds, and seconds
 * of CPU. The start of the virtual machine and planning are not counted; that of the cluster is.
 */
public class Join {
  private static final Pattern SET = Pattern.compile("SET '(.*)' = '(.*)'");

  public static void main(String[] args) throws Exception {
    String script = Files.readString(Path.of(args[0])).replaceAll("(?m)^--.*$", "");
    Configuration settings = new Configuration();
    TableEnvironment tables = null;
    for (String statement : script.split(";")) {
      statement = statement.strip();
      Matcher set = SET.matcher(statement);
      if (set.matches()) {
        settings.setString(set.group(1), set.group(2));
        continue;
      }
      if (statement.isEmpty()) {
        continue;
      }
      if (tables == null) {
        tables = TableEnvironment.create(EnvironmentSettings.newInstance().withConfiguration(settings).build());
      }
      if (!statement.startsWith("INSERT")) {
        tables.executeSql(statement);
        continue;
      }
      var plan = tables.compilePlanSql(statement);
      OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
      long wall = System.nanoTime();
      long cpu = system.getProcessCpuTime();
      plan.execute().await();
      System.out.printf("%.3f %.3f%n", (System.nanoTime() - wall) / 1e9, (system.getProcessCpuTime() - cpu) / 1e9);
    }
    System.exit(0); // Flink leaves threads behind
  }
}
