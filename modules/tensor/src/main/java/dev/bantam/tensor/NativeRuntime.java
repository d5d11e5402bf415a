package dev.bantam.tensor;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.nd4j.linalg.factory.Nd4j;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings up ND4J and OpenBLAS the way every result here needs them: the matrix kernel of this CPU,
 * and one BLAS thread per call.
 *
 * <p>The OpenBLAS that ND4J bundles (0.3.19) does not know CPUs younger than itself and silently
 * takes kernels from 2004 on them. It reads {@code OPENBLAS_CORETYPE} when it is loaded, so the
 * variable is set here, from Java, before the first ND4J class; a value that the user has set is
 * left alone. The thread variables are set the same way, and once more after ND4J has started: it
 * loads two copies of the library and sets the number in one of them. Several threads inside a call
 * would wait for each other when two workers call at once. All entry points of the module call
 * {@link #initialize()}.
 */
public final class NativeRuntime {
  private static final Logger LOG = LoggerFactory.getLogger(NativeRuntime.class);
  private static final String CORE_TYPE = "OPENBLAS_CORETYPE";

  /** Intel family 6 models that OpenBLAS 0.3.19 maps to an AVX-512 or AVX2 kernel by itself. */
  private static final Set<Integer> KNOWN_INTEL =
      Set.of(
          60, 61, 63, 69, 70, 71, 78, 79, 85, 86, 94, 102, 106, 108, 125, 126, 140, 141, 142, 151,
          154, 158, 165, 166, 167);

  /** Share of the machine's memory that the process may take; the rest is the system's. */
  private static final int MEMORY_PERCENT = 85;

  /** Of {@code dlfcn.h}; without {@code RTLD_GLOBAL}. */
  private static final int RTLD_LAZY = 1;

  /** {@code M_MMAP_THRESHOLD} of {@code malloc.h}. */
  private static final int MALLOPT_MMAP_THRESHOLD = -3;

  private static final int LARGE_BLOCK = 1 << 20;

  private NativeRuntime() {}

  private interface LibC extends Library {
    int setenv(String name, String value, int overwrite);
  }

  /** The GNU C library alone has it. */
  private interface Malloc extends Library {
    int mallopt(int parameter, int value);
  }

  private static final class Holder {
    static final Optional<String> FORCED = prepareEnvironment();
    static final long LIMIT = limitMemory();
    static final String CORE_NAME = start();
  }

  /** Loads the native libraries; cheap after the first call. */
  public static void initialize() {
    if (Holder.CORE_NAME.isEmpty()) {
      throw new IllegalStateException("OpenBLAS did not report its kernel");
    }
  }

  /** Bytes that this process may take in all, heap included; more is refused by ND4J. */
  public static long memoryLimitBytes() {
    initialize();
    return Pointer.maxPhysicalBytes() > 0 ? Pointer.maxPhysicalBytes() : machineBytes();
  }

  /** The matrix kernel in use, as OpenBLAS names it, e.g. {@code SkylakeX}. */
  public static String blasKernel() {
    return Holder.CORE_NAME;
  }

  /** The kernel that was forced because OpenBLAS would have fallen back to an old one. */
  public static Optional<String> forcedBlasKernel() {
    return Holder.FORCED;
  }

  private static Optional<String> prepareEnvironment() {
    final Optional<String> wanted =
        System.getenv(CORE_TYPE) == null ? wantedCoreType(cpuInfo()) : Optional.empty();
    try {
      final LibC libC = Native.load("c", LibC.class);
      libC.setenv("OPENBLAS_NUM_THREADS", "1", 1);
      libC.setenv("OMP_NUM_THREADS", "1", 1);
      wanted.ifPresent(core -> libC.setenv(CORE_TYPE, core, 1));
      return wanted;
    } catch (UnsatisfiedLinkError e) {
      LOG.warn(
          "The C library could not be reached, so OpenBLAS may be slow. Start with the environment"
              + " variables OPENBLAS_NUM_THREADS=1, OMP_NUM_THREADS=1{}.",
          wanted.map(core -> ", " + CORE_TYPE + "=" + core).orElse(""),
          e);
      return Optional.empty();
    }
  }

  /**
   * Lets tensors take what the machine, or the container, has and not as much as the heap may take,
   * which is JavaCPP's default and refuses work under a small heap. Limits that the user has set
   * are left alone. Large blocks go back to the system when they are freed; by itself the GNU C
   * library keeps them for reuse, in pieces that fit nothing.
   *
   * @return the limit in bytes
   */
  private static long limitMemory() {
    final long limit = machineBytes() / 100 * MEMORY_PERCENT;
    for (String property : List.of("maxbytes", "maxphysicalbytes")) {
      final String name = "org.bytedeco.javacpp." + property;
      if (System.getProperty(name) == null) {
        System.setProperty(name, Long.toString(limit));
      }
    }
    try {
      Native.load("c", Malloc.class).mallopt(MALLOPT_MMAP_THRESHOLD, LARGE_BLOCK);
    } catch (UnsatisfiedLinkError e) {
      LOG.debug("This C library keeps its own ways with freed memory", e);
    }
    return limit;
  }

  private static long machineBytes() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getTotalMemorySize();
  }

  /** The kernel to force on a CPU with these {@code /proc/cpuinfo} fields, if any. */
  static Optional<String> wantedCoreType(Map<String, String> cpu) {
    final Set<String> flags = new HashSet<>(List.of(cpu.getOrDefault("flags", "").split(" ")));
    final boolean avx2 = flags.contains("avx2") && flags.contains("fma");
    final boolean avx512 =
        avx2 && flags.containsAll(Set.of("avx512f", "avx512dq", "avx512bw", "avx512vl"));
    final int family = number(cpu.get("cpu family"));
    final int model = number(cpu.get("model"));
    switch (cpu.getOrDefault("vendor_id", "")) {
      case "GenuineIntel":
        if (family == 6 && KNOWN_INTEL.contains(model)) {
          return Optional.empty();
        }
        return avx512 ? Optional.of("SkylakeX") : avx2 ? Optional.of("Haswell") : Optional.empty();
      case "AuthenticAMD":
        return avx2 && family > 25 ? Optional.of("Zen") : Optional.empty();
      default:
        return Optional.empty();
    }
  }

  private static int number(String text) {
    return text == null ? -1 : Integer.parseInt(text.trim());
  }

  /** The fields of the first processor in {@code /proc/cpuinfo}; empty elsewhere than on Linux. */
  public static Map<String, String> cpuInfo() {
    final Map<String, String> fields = new LinkedHashMap<>();
    final Path file = Path.of("/proc/cpuinfo");
    if (!Files.isReadable(file)) {
      return fields;
    }
    try (var lines = Files.lines(file)) {
      lines
          .takeWhile(line -> !line.isBlank())
          .map(line -> line.split(":", 2))
          .filter(pair -> pair.length == 2)
          .forEach(pair -> fields.put(pair[0].trim(), pair[1].trim()));
    } catch (IOException e) {
      LOG.debug("cpuinfo could not be read", e);
    }
    return fields;
  }

  private static String start() {
    if (Holder.FORCED.isPresent()) {
      LOG.debug("OpenBLAS kernel set to {}", Holder.FORCED.get());
    }
    LOG.debug("Memory limited to {} bytes", Holder.LIMIT);
    final Thread kernels = new Thread(Kernels::best, "bantam-kernels"); // warms them up meanwhile
    kernels.setDaemon(true);
    kernels.start();
    final String binding = Loader.load(openblas_nolapack.class);
    Nd4j.getBlasWrapper(); // loads the backend, which lets BLAS use a thread for each core
    String kernel = "unknown";
    for (NativeLibrary library : openBlas(binding)) {
      library.getFunction("openblas_set_num_threads").invokeVoid(new Object[] {1});
      kernel = library.getFunction("openblas_get_corename").invokeString(new Object[0], false);
    }
    return kernel;
  }

  /** Threads of one call of each copy of OpenBLAS in this process; all 1. */
  static List<Integer> blasThreads() {
    initialize();
    return openBlas(Loader.load(openblas_nolapack.class)).stream()
        .map(library -> library.getFunction("openblas_get_num_threads").invokeInt(new Object[0]))
        .toList();
  }

  /**
   * The copies of the library: ND4J and the binding load one each, and which of them a call reaches
   * is up to the dynamic linker. They lie beside the binding.
   *
   * <p>On Linux they are opened for this class alone. JNA by itself makes the symbols of what it
   * opens visible to all libraries; one copy then gives back buffers that the other has taken, and
   * after 640 products of ND4J there are none left.
   */
  private static List<NativeLibrary> openBlas(String binding) {
    final Path folder = Path.of(binding).toAbsolutePath().getParent();
    final Map<String, Integer> options =
        Platform.isLinux() ? Map.of(Library.OPTION_OPEN_FLAGS, RTLD_LAZY) : Map.of();
    try (var files = Files.list(folder)) {
      return files
          .filter(
              f -> {
                final String name = f.getFileName().toString().toLowerCase(Locale.ROOT);
                return name.contains("openblas") && !name.contains("jni");
              })
          .filter(f -> Files.isRegularFile(f, LinkOption.NOFOLLOW_LINKS))
          .sorted()
          .map(f -> NativeLibrary.getInstance(f.toString(), options))
          .toList();
    } catch (IOException | UnsatisfiedLinkError e) {
      LOG.warn(
          "OpenBLAS could not be set to one thread a call, so products may be slow: {}",
          e.getMessage());
      return List.of();
    }
  }
}
