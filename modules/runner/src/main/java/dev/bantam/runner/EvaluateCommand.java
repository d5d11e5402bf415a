package dev.bantam.runner;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.ModelSource;
import dev.bantam.checkpoint.Models;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.data.TaskKind;
import dev.bantam.export.ModelFolder;
import dev.bantam.export.PackedFile;
import dev.bantam.runner.experiment.EvaluateSettings.Latency;
import dev.bantam.runner.run.SavedNetwork;
import dev.bantam.runner.run.Sources;
import dev.bantam.runner.run.Tasked;
import dev.bantam.tensor.Workers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.LongStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bantam evaluate}. */
@Command(
    name = "evaluate",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = "Score a model on a task, time it, or both.")
final class EvaluateCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "MODEL",
      description =
          "A named model, a model folder, packed or not, an .onnx file, or the .zip of a DL4J network. An encoder needs a head for the"
              + " task if that has labels.")
  private String model;

  @Option(names = "--task", paramLabel = "T", description = TaskOption.DESCRIPTION)
  private String task;

  @Option(
      names = "--split",
      paramLabel = "S",
      description = "train, tune, dev or test (default: dev).")
  private Split split;

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "Evaluate on the first N examples only.")
  private Integer limit;

  @Option(
      names = "--reference",
      paramLabel = "MODEL",
      description =
          "For an 'embed' task: the model to compare with, usually the one that MODEL was made"
              + " from. Without it a model that is not compressed is compared with itself.")
  private String reference;

  @Mixin private LatencyOption latency;

  @Mixin private Common common;

  @Override
  public Integer call() {
    checkOptions();
    final Optional<Task> opened = Optional.ofNullable(task).map(t -> TaskOption.open(t, common));
    opened.ifPresent(this::checkReference);
    final Sources sources = new Sources(Path.of(""), common.progress(), common.offline());
    final Optional<SavedNetwork> network = sources.network(model);
    if (network.isPresent()) {
      return evaluate(network.get(), opened);
    }
    final Checkpoint checkpoint = sources.model(model);
    latency.requireLengths(checkpoint.name(), checkpoint.architecture().longestSequence());
    final Optional<Checkpoint> compared = Optional.ofNullable(reference).map(sources::model);
    try (Workers workers = new Workers(common.threads())) {
      opened.ifPresent(t -> score(checkpoint, t, compared, workers));
      time(checkpoint, workers);
    }
    return 0;
  }

  private void checkOptions() {
    if (limit != null && limit < 1) {
      throw Main.usage("--limit is " + limit + " and must be at least 1.");
    }
    if (task == null && latency.shapes().isEmpty()) {
      throw Main.usage("Nothing to do: name a task with --task T, or time the model: --latency.");
    }
    if (task == null && (split != null || limit != null || reference != null)) {
      throw Main.usage(
          (split != null ? "--split" : limit != null ? "--limit" : "--reference")
              + " has no meaning without a task. Name one with --task T.");
    }
  }

  private void checkReference(Task opened) {
    if (opened.kind() != TaskKind.EMBED) {
      if (reference != null) {
        throw Main.usage(
            "--reference is for 'embed' tasks, and '"
                + opened.name()
                + "' is scored without another model. Leave it out.");
      }
    } else if (reference == null && isCompressed(model)) {
      throw Main.usage(
          model
              + " is compressed, and an 'embed' task compares with the model it was made from."
              + " Name that one with --reference MODEL.");
    } else if (reference == null) {
      common
          .progress()
          .message(
              model
                  + " is compared with itself: to compare it with another model, name that one"
                  + " with --reference MODEL.");
    }
  }

  /** Whether a folder holds a tensor in another form than float32, or operations. */
  private static boolean isCompressed(String model) {
    if (Models.isNamed(model)) {
      return false;
    }
    final Path folder = Models.path(model);
    if (!Files.isDirectory(folder) || !ModelFolder.isPacked(folder)) {
      return false;
    }
    final CompressedModel stored = PackedFile.read(folder.resolve(ModelFolder.WEIGHTS));
    return !stored.operations().isEmpty()
        || stored.tensors().values().stream().anyMatch(EvaluateCommand::isCompressed);
  }

  private static boolean isCompressed(CompressedTensor tensor) {
    final long elements = LongStream.of(tensor.shape()).reduce(1, (a, b) -> a * b);
    return !tensor.form().equals("dense") || tensor.storedBytes() != Float.BYTES * elements;
  }

  private int evaluate(SavedNetwork network, Optional<Task> opened) {
    if (!latency.shapes().isEmpty()) {
      throw Main.usage(
          "--latency times Bantam's own encoder, and '"
              + network.name()
              + "' runs in DL4J. Leave it out.");
    }
    try (Workers workers = new Workers(common.threads())) {
      score(network, opened.orElseThrow(), Optional.empty(), workers);
    }
    return 0;
  }

  private void score(
      ModelSource scored, Task opened, Optional<Checkpoint> compared, Workers workers) {
    Tasked.evaluate(
            scored,
            opened,
            split == null ? Split.DEV : split,
            limit == null ? Integer.MAX_VALUE : limit,
            compared,
            workers,
            common.progress())
        .forEach(
            (metric, value) -> System.out.printf(Locale.ROOT, "%s %.6f%n", metric.id(), value));
  }

  private void time(Checkpoint checkpoint, Workers workers) {
    final List<Latency> shapes = latency.shapes();
    final List<Double> medians = Tasked.latencies(checkpoint, shapes, workers);
    for (int i = 0; i < shapes.size(); i++) {
      System.out.printf(
          Locale.ROOT,
          "latency_ms_p50 %s %.3f%n",
          LatencyOption.text(shapes.get(i)),
          medians.get(i));
    }
  }
}
