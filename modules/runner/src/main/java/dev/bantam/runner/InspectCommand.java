package dev.bantam.runner;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Models;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.WeightErrors;
import dev.bantam.deltamerging.DeltaStatistics;
import dev.bantam.export.ModelFolder;
import dev.bantam.outliersuppression.SiteStatistics;
import dev.bantam.runner.run.DeltaFolder;
import dev.bantam.runner.run.Sources;
import dev.bantam.runner.run.Tasked;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.nd4j.linalg.api.ndarray.INDArray;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bantam inspect}. */
@Command(
    name = "inspect",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = "Show a model's tensors: stored form, bytes, zeros, outliers.")
final class InspectCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "MODEL",
      description = "A named model, a model folder, or an .onnx file.")
  private String model;

  @Option(
      names = "--base",
      paramLabel = "BASE",
      description =
          "Show instead how far each part is from the model that this one was fine-tuned from:"
              + " magnitudes of the differences, their quantiles and norms.")
  private String base;

  @Option(
      names = "--activations",
      description =
          "Show instead what passes between the layers on training texts of a task: ranges,"
              + " outliers, and how well they can be rounded. Needs --task.")
  private boolean activations;

  @Option(names = "--task", paramLabel = "T", description = TaskOption.DESCRIPTION)
  private String task;

  @Option(
      names = "--texts",
      paramLabel = "N",
      description = "With --activations: training texts to run (default: ${DEFAULT-VALUE}).",
      defaultValue = "64")
  private int texts;

  @Mixin private Common common;

  @Override
  public Integer call() {
    checkOptions();
    final Checkpoint checkpoint =
        new Sources(Path.of(""), common.progress(), common.offline()).model(model);
    final PrintStream out = System.out;
    out.println(checkpoint.name() + ", from " + checkpoint.provenance().source());
    out.println("licence " + checkpoint.provenance().licence());
    architecture(checkpoint, out);
    if (activations) {
      activations(checkpoint, out);
    } else if (base == null) {
      tensors(checkpoint, forms(checkpoint), out);
    } else {
      differences(checkpoint, out);
    }
    return 0;
  }

  private void checkOptions() {
    if (activations == (task == null)) {
      throw Main.usage(
          activations
              ? "--activations are those of texts. Name a task that has them with --task T."
              : "--task has no meaning without --activations.");
    }
    if (activations && base != null) {
      throw Main.usage("--activations and --base show different things. Leave one of them out.");
    }
    if (texts < 1) {
      throw Main.usage("--texts is " + texts + " and must be at least 1.");
    }
  }

  private void activations(Checkpoint checkpoint, PrintStream out) {
    final List<SiteStatistics> sites;
    try (Workers workers = new Workers(common.threads())) {
      sites =
          Tasked.activations(
              checkpoint, TaskOption.open(task, common), texts, workers, common.progress());
    }
    out.printf(
        Locale.ROOT,
        "%n%-32s %10s %10s %10s %10s %9s %8s %8s %10s %10s %6s%n",
        "site",
        "min",
        "max",
        "inf. norm",
        "kurtosis",
        "> 6 sigma",
        "8 bit dB",
        "channel",
        "its range",
        "median",
        "asym.");
    for (SiteStatistics s : sites) {
      out.printf(
          Locale.ROOT,
          "%-32s %10.3f %10.3f %10.3f %10.1f %8.3f%% %8.1f %s%n",
          s.site(),
          s.min(),
          s.max(),
          s.infinityNorm(),
          s.kurtosis(),
          100 * s.outliers(),
          s.sqnr(),
          s.channels().map(InspectCommand::channels).orElse("").stripTrailing());
    }
  }

  private static String channels(SiteStatistics.Channels c) {
    return String.format(
        Locale.ROOT, "%8d %10.3f %10.3f %6.2f", c.widest(), c.range(), c.median(), c.asymmetry());
  }

  private void differences(Checkpoint checkpoint, PrintStream out) {
    final Checkpoint origin =
        new Sources(Path.of(""), common.progress(), common.offline()).model(base);
    out.printf(
        Locale.ROOT,
        "%n%-14s %12s %10s %10s %10s %10s %10s %9s%n",
        "part",
        "elements",
        "median",
        "90 %",
        "99 %",
        "largest",
        "of norm",
        "the same");
    final Map<String, DeltaStatistics> parts =
        DeltaFolder.statisticsByPart(origin.parameters(), checkpoint.parameters());
    parts.forEach(
        (part, s) ->
            out.printf(
                Locale.ROOT,
                "%-14s %,12d %10.2e %10.2e %10.2e %10.2e %10.4f %8.2f%%%n",
                part,
                s.elements(),
                s.quantile(0.5),
                s.quantile(0.9),
                s.quantile(0.99),
                s.largest(),
                s.ratio(),
                100 * s.unchanged()));
    if (parts.getOrDefault("all", new DeltaStatistics()).tooLargeToDrop()) {
      out.println(
          "These differences are large for DARE: dropping most of them is known to fail above "
              + DeltaStatistics.LARGE_DELTA
              + " (99 %) or "
              + DeltaStatistics.LARGE_RATIO
              + " of the norm.");
    }
  }

  /** Stored forms by name; empty for models that are not packed. */
  private Map<String, CompressedTensor> forms(Checkpoint checkpoint) {
    if (Models.isNamed(model)) {
      return Map.of();
    }
    final Path folder = Models.path(model);
    return Files.isDirectory(folder) && ModelFolder.isPacked(folder)
        ? ModelFolder.weights(folder, checkpoint.architecture()).tensors()
        : Map.of();
  }

  private static void architecture(Checkpoint checkpoint, PrintStream out) {
    final var a = checkpoint.architecture();
    out.printf(
        Locale.ROOT,
        "%s, %d layers, width %d, heads of %d, vocabulary %d, up to %d tokens, %s pooling%n",
        a.modelType(),
        a.layers().size(),
        a.hiddenSize(),
        a.headSize(),
        a.vocabularySize(),
        checkpoint.maxLength(),
        checkpoint.pooling().name().toLowerCase(Locale.ROOT));
    checkpoint.head().ifPresent(head -> out.println("head: " + head.labels()));
  }

  private static void tensors(
      Checkpoint checkpoint, Map<String, CompressedTensor> forms, PrintStream out) {
    out.printf(
        Locale.ROOT,
        "%n%-58s %-14s %-15s %12s %8s %10s %9s%n",
        "tensor",
        "shape",
        "form",
        "bytes",
        "zeros",
        "max |w|",
        "kurtosis");
    long elements = 0;
    long stored = 0;
    for (Map.Entry<String, INDArray> tensor : checkpoint.parameters().entrySet()) {
      final CompressedTensor form = forms.get(tensor.getKey());
      final float[] values = Floats.toArray(tensor.getValue());
      final long bytes = form == null ? 4L * values.length : form.storedBytes();
      elements += values.length;
      stored += bytes;
      out.printf(
          Locale.ROOT,
          "%-58s %-14s %-15s %,12d %7.2f%% %10.4f %9.2f%n",
          tensor.getKey(),
          Arrays.toString(tensor.getValue().shape()),
          form == null ? "dense" : form.form(),
          bytes,
          100 * WeightErrors.sparsity(values),
          WeightErrors.largest(values),
          WeightErrors.kurtosis(values));
    }
    out.printf(
        Locale.ROOT,
        "%,d parameters, %,d bytes without headers, %.2f bits each%n",
        elements,
        stored,
        8.0 * stored / elements);
    checkpoint
        .operations()
        .forEach(
            (place, operation) ->
                out.printf(
                    Locale.ROOT,
                    "at %s: %s %s%n",
                    place,
                    operation.kind(),
                    operation.attributes()));
  }
}
