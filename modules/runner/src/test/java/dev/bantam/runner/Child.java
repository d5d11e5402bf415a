package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TimeZone;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** The command line in a process of its own, which can be killed. */
final class Child implements AutoCloseable {
  /** Flags that bring in the vector kernels. */
  static final List<String> VECTORS = List.of("--add-modules", "jdk.incubator.vector");

  private static final String NATIVES = "org.bytedeco.javacpp.cachedir";

  private static final long DEADLINE_SECONDS = 120;

  private final Process process;
  private final BufferedReader err;
  private final StringBuilder said = new StringBuilder();

  private Child(Process process) {
    this.process = process;
    this.err = process.errorReader(StandardCharsets.UTF_8);
  }

  /** Starts a command in a folder; standard output goes to {@code out.txt} there. */
  static Child start(Path folder, Object... arguments) {
    return startBy(List.of(), folder, arguments);
  }

  /**
   * As {@link #start}, by another program.
   *
   * @param starter what stands before the command, e.g. {@code nice}
   */
  static Child startBy(List<String> starter, Path folder, Object... arguments) {
    // without the vector module: the plain kernels give the same bits, and are not slow before the
    // optimising compiler has seen them, which a short life does not wait for
    return start(starter, thisJava(), List.of("-XX:TieredStopAtLevel=1"), folder, arguments);
  }

  /** As {@link #start}, on another JVM or with other flags. */
  static Child startOn(Path java, List<String> flags, Path folder, Object... arguments) {
    return start(List.of(), java, flags, folder, arguments);
  }

  private static Path thisJava() {
    return Path.of(System.getProperty("java.home"), "bin", "java");
  }

  private static Child start(
      List<String> starter, Path java, List<String> flags, Path folder, Object... arguments) {
    final List<String> command = new ArrayList<>(starter);
    command.add(java.toString());
    command.add("-Xmx1g");
    // in another time zone the jars' files have other times, and 320 MB of natives are unpacked
    // anew
    command.add("-Duser.timezone=" + TimeZone.getDefault().getID());
    final String natives = System.getProperty(NATIVES); // where this process has them unpacked
    if (natives != null) {
      command.add("-D" + NATIVES + "=" + natives);
    }
    command.addAll(flags);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(Main.class.getName());
    Stream.of(arguments).map(Object::toString).forEach(command::add);
    try {
      return new Child(
          new ProcessBuilder(command)
              .directory(folder.toFile())
              .redirectOutput(folder.resolve("out.txt").toFile())
              .start());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads standard error up to the first line that holds a text. */
  Child until(String text) {
    try {
      for (String line = err.readLine(); line != null; line = err.readLine()) {
        said.append(line).append('\n');
        if (line.contains(text)) {
          return this;
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return fail("it ended without saying '" + text + "':\n" + said);
  }

  /** Waits until something is true. */
  Child until(BooleanSupplier condition) {
    final long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        fail("it did not happen in " + DEADLINE_SECONDS + " s");
      }
      LockSupport.parkNanos(1_000_000);
    }
    return this;
  }

  /** Kills it, as {@code kill -9} does. Fails if it had ended by itself. */
  void kill() {
    if (!process.isAlive()) {
      fail("it ended too early, with " + process.exitValue() + ":\n" + said);
    }
    process.toHandle().destroyForcibly(); // unlike the process itself, leaves the streams open
    end();
  }

  /**
   * Kills it wherever it is.
   *
   * @return whether it was still alive
   */
  boolean killIfAlive() {
    final boolean alive = process.isAlive();
    process.toHandle().destroyForcibly();
    end();
    return alive;
  }

  /** Sends a signal, as {@code kill -NAME} does. */
  Child signal(String name) {
    try {
      final int code =
          new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor();
      return code == 0 ? this : fail("kill ended with " + code + ":\n" + said);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return fail(e);
    }
  }

  /** Whether it still runs. */
  boolean isAlive() {
    return process.isAlive();
  }

  /** The exit code, after the end. */
  int end() {
    try {
      if (!process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)) {
        fail("it did not end");
      }
      err.lines().forEach(line -> said.append(line).append('\n'));
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return fail(e);
    }
  }

  /** What it wrote to standard error so far, as far as it was read. */
  String said() {
    return said.toString();
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
