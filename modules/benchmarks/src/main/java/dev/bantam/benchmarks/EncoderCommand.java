package dev.bantam.benchmarks;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.MavenArtifacts;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Example;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.data.Tasks;
import dev.bantam.runner.Main;
import dev.bantam.runner.run.Sources;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code bantam bench encoder}. */
@Command(
    name = "encoder",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = {
      "Forward passes against ONNX Runtime in float32 with as many threads.",
      "Cases: 32x32 8x128 32x128 1x32 1x128 real-text. On real text the peer gets padded batches"
          + " of 32 in reading order; ratio_sorted is against batches sorted by length."
    })
final class EncoderCommand implements Callable<Integer> {
  private static final String TASK = "wordnet-supersense";

  @Mixin private ModelsOption models;
  @Mixin private BenchOptions options;
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    final List<BenchCase> cases =
        options.cases("32x32", "8x128", "32x128", "1x32", "1x128", BenchCase.REAL_TEXT);
    final InTurn inTurn = options.inTurn();
    final Progress progress = options.common().progress();
    final MavenArtifacts artifacts = new MavenArtifacts(progress, options.common().offline());
    final Sources sources = new Sources(Path.of(""), progress, options.common().offline());
    final List<Example> text =
        cases.stream().anyMatch(BenchCase::realText) ? text(artifacts) : List.of();
    try (Workers workers = new Workers(options.common().threads())) {
      for (String name : models.names()) {
        final Checkpoint checkpoint = sources.model(name);
        final byte[] onnx = OnnxSource.read(name, artifacts);
        try (EncoderBench bench = new EncoderBench(checkpoint, onnx, workers, inTurn)) {
          for (BenchCase wanted : cases) {
            progress.message("Measuring " + checkpoint.name() + " " + wanted.name());
            spec.commandLine().getOut().println(bench.measure(wanted, text).json());
          }
        }
      }
    }
    return 0;
  }

  private static List<Example> text(MavenArtifacts artifacts) {
    final Task task = Tasks.open(TASK, artifacts::resolve);
    return task.examples(Split.DEV).subList(0, EncoderBench.TEXTS);
  }
}
