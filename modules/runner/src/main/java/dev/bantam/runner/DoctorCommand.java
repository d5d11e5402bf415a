package dev.bantam.runner;

import dev.bantam.checkpoint.CacheFolder;
import dev.bantam.runner.run.Machine;
import dev.bantam.runner.run.ProductSpeed;
import dev.bantam.runner.run.Version;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.NativeRuntime;
import dev.bantam.tensor.Workers;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code bantam doctor}. */
@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = "Show what this machine offers and what is missing: JVM, BLAS kernel, memory.")
final class DoctorCommand implements Callable<Integer> {
  private static final Set<String> FLAGS =
      Set.of(
          "avx2",
          "fma",
          "avx512f",
          "avx512bw",
          "avx512vl",
          "avx512_vnni",
          "avx512_vpopcntdq",
          "avx512_bf16",
          "avx_vnni",
          "amx_int8");

  @Mixin private Common common;

  @Override
  public Integer call() {
    final PrintStream out = System.out;
    line(out, "bantam", Version.TEXT);
    line(out, "java", System.getProperty("java.vm.name") + " " + Runtime.version());
    line(out, "system", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
    line(out, "processor", Machine.processor());
    line(out, "cores", Integer.toString(Runtime.getRuntime().availableProcessors()));
    line(out, "instruction sets", flags());
    line(
        out,
        "memory",
        String.format(
            Locale.ROOT,
            "%.1f GB, Java heap up to %.1f GB, all together up to %.1f GB",
            Machine.memoryBytes() / 1e9,
            Runtime.getRuntime().maxMemory() / 1e9,
            NativeRuntime.memoryLimitBytes() / 1e9));
    line(
        out,
        "disk",
        String.format(Locale.ROOT, "%.1f GB free here", Machine.freeDiskBytes(Path.of("")) / 1e9));
    line(out, "cache", CacheFolder.path().toString());
    line(out, "fused kernels", Kernels.best().name());
    line(
        out,
        "OpenBLAS kernel",
        NativeRuntime.blasKernel()
            + NativeRuntime.forcedBlasKernel()
                .map(k -> " (set by Bantam: OpenBLAS would have taken an older one)")
                .orElse(""));
    try (Workers workers = new Workers(common.threads())) {
      final double layers = ProductSpeed.layers(workers);
      final double bound = ProductSpeed.innermostLoop(workers);
      line(
          out,
          "layer products",
          String.format(
              Locale.ROOT,
              "%.0f GF/s on %d threads [%d x %d] x [%d x %d], %.0f %% of the %.0f GF/s of their"
                  + " innermost loop",
              layers,
              workers.threads(),
              ProductSpeed.ROWS,
              ProductSpeed.INNER,
              ProductSpeed.INNER,
              ProductSpeed.COLUMNS,
              100 * layers / bound,
              bound));
      line(
          out,
          "OpenBLAS products",
          String.format(
              Locale.ROOT,
              "%.0f GF/s on %d threads, the same shape",
              ProductSpeed.blas(workers),
              workers.threads()));
    }
    advice(out);
    return 0;
  }

  private static void advice(PrintStream out) {
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
      out.println(
          "Missing: the vector module. Start Java with --add-modules jdk.incubator.vector.");
    }
    if (List.of("prescott", "core2", "nehalem", "katmai", "unknown")
        .contains(NativeRuntime.blasKernel().toLowerCase(Locale.ROOT))) {
      out.println(
          "Slow: OpenBLAS uses a kernel for old processors. Set OPENBLAS_CORETYPE to SkylakeX"
              + " (AVX-512) or Haswell (AVX2) in the environment.");
    }
  }

  private static String flags() {
    final Set<String> present =
        new TreeSet<>(List.of(NativeRuntime.cpuInfo().getOrDefault("flags", "").split(" ")));
    present.retainAll(FLAGS);
    return present.isEmpty() ? "unknown" : String.join(" ", present);
  }

  private static void line(PrintStream out, String what, String value) {
    out.printf(Locale.ROOT, "%-17s %s%n", what, value);
  }
}
