package dev.bantam.runner.run;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;

/** The version of this Bantam, as the build wrote it. */
public final class Version {
  /** For example {@code 0.1.0}. */
  public static final String TEXT = read();

  private Version() {}

  private static String read() {
    final Properties properties = new Properties();
    try (InputStream in = Version.class.getResourceAsStream("version.properties")) {
      properties.load(in);
    } catch (IOException | NullPointerException e) {
      throw new IllegalStateException("The build did not write version.properties", e);
    }
    return properties.getProperty("version");
  }
}
