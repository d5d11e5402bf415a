package dev.bantam.runner.run;

import com.sun.management.OperatingSystemMXBean;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.NativeRuntime;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** Facts about this machine. */
public final class Machine {
  private Machine() {}

  /** Bytes of memory of the machine, or of the container that the JVM sees. */
  public static long memoryBytes() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getTotalMemorySize();
  }

  /** Bytes that this process may take: the machine's, or the limit that ND4J keeps to if lower. */
  public static long usableMemoryBytes() {
    return Math.min(memoryBytes(), NativeRuntime.memoryLimitBytes());
  }

  /**
   * Bytes that can be written where the nearest existing parent of a path lies; {@link
   * Long#MAX_VALUE} for a file system that does not tell, as {@code /proc}.
   */
  public static long freeDiskBytes(Path path) {
    Path at = path.toAbsolutePath();
    while (at != null && !Files.exists(at)) {
      at = at.getParent();
    }
    try {
      final FileStore store = Files.getFileStore(at);
      return store.getTotalSpace() == 0 ? Long.MAX_VALUE : store.getUsableSpace();
    } catch (IOException e) {
      throw BantamException.badInput("Cannot tell the free space of " + at + ": " + e + ".", e);
    }
  }

  /** Bytes that a run may take in its folder: what is free, and what it takes there already. */
  static long roomBytes(Path folder) {
    final long free = freeDiskBytes(folder);
    if (!Files.isDirectory(folder)) {
      return free;
    }
    try (Stream<Path> files = Files.walk(folder)) {
      final long used = files.map(Path::toFile).filter(File::isFile).mapToLong(File::length).sum();
      return free > Long.MAX_VALUE - used ? Long.MAX_VALUE : free + used;
    } catch (IOException | UncheckedIOException e) {
      throw BantamException.badInput("Cannot list " + folder + ": " + e + ".", e);
    }
  }

  /** The processor's name, or what the JVM knows of it. */
  public static String processor() {
    return NativeRuntime.cpuInfo().getOrDefault("model name", System.getProperty("os.arch"));
  }

  /** The largest resident memory of this process so far, where the system tells (Linux). */
  public static OptionalLong peakMemoryBytes() {
    final Path status = Path.of("/proc/self/status");
    if (!Files.isReadable(status)) {
      return OptionalLong.empty();
    }
    try (var lines = Files.lines(status)) {
      return lines
          .filter(line -> line.startsWith("VmHWM:"))
          .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("[^0-9]", "")))
          .findFirst();
    } catch (IOException e) {
      return OptionalLong.empty();
    }
  }

  /** What a manifest says about the machine. */
  public static Map<String, String> description() {
    final Map<String, String> facts = new java.util.LinkedHashMap<>();
    facts.put("java", System.getProperty("java.vm.name") + " " + Runtime.version());
    facts.put(
        "os",
        System.getProperty("os.name")
            + " "
            + System.getProperty("os.version")
            + " "
            + System.getProperty("os.arch"));
    facts.put("cpu", processor());
    facts.put("blas_kernel", NativeRuntime.blasKernel());
    facts.put("kernels", dev.bantam.tensor.Kernels.best().name());
    return facts;
  }
}
