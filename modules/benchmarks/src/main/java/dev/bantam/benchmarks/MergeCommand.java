package dev.bantam.benchmarks;

import dev.bantam.deltamerging.MergeMethod;
import dev.bantam.runner.Main;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bantam bench merge}. */
@Command(
    name = "merge",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = {
      "Merging of a base and two models on disk, against a stream copy of as many bytes read and"
          + " written, both synced to disk. A share of a bound: it stays below 1."
    })
final class MergeCommand implements Callable<Integer> {
  private static final double MEGABYTES = 1e6;

  @Option(
      names = "--megabytes",
      paramLabel = "N",
      description = "Size of each of the three models (default: ${DEFAULT-VALUE}).",
      defaultValue = "1000")
  private int megabytes;

  @Option(
      names = "--folder",
      paramLabel = "DIR",
      description =
          "Where the models, their merge and the copy are written, five times --megabytes at most;"
              + " deleted afterwards (default: the working directory).")
  private Path folder = Path.of("");

  @Mixin private BenchOptions options;
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    if (megabytes < 20 || megabytes > 100_000) {
      throw Main.usage("--megabytes is " + megabytes + " and must be in 20..100000.");
    }
    final Path work = AtomicFiles.temporary(folder.toAbsolutePath().resolve("merge"));
    AtomicFiles.createFolders(work);
    try (Workers workers = new Workers(options.common().threads())) {
      final MergeBench bench = MergeBench.in(work, (long) (megabytes * MEGABYTES));
      for (MergeMethod method : List.of(MergeMethod.DARE_LINEAR, MergeMethod.DARE_TIES)) {
        spec.commandLine()
            .getOut()
            .println(bench.measure(method, workers, options.inTurn()).json());
      }
    } finally {
      AtomicFiles.delete(work);
    }
    return 0;
  }
}
