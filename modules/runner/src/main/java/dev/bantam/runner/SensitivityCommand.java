package dev.bantam.runner;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.compression.TensorSelector;
import dev.bantam.data.Task;
import dev.bantam.mixedprecision.SensitivityAnalysis;
import dev.bantam.mixedprecision.WeightFormat;
import dev.bantam.runner.run.Sensitivities;
import dev.bantam.runner.run.Sources;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bantam sensitivity}. */
@Command(
    name = "sensitivity",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description =
        "How much each matrix matters for a task: curvature of the loss, error of rounding, and"
            + " what rounding it alone does.")
final class SensitivityCommand implements Callable<Integer> {
  private static final SensitivityAnalysis.Settings DEFAULTS = SensitivityAnalysis.Settings.of(3);

  @Parameters(
      paramLabel = "MODEL",
      description =
          "A model folder or an .onnx file, fine-tuned on the task: it needs the task's head.")
  private String model;

  @Mixin private TaskOption task;

  @Option(
      names = "-o",
      paramLabel = "DIR",
      description =
          "A folder for sensitivity.csv and sensitivity.json, and for what is finished: the same"
              + " command goes on from there. Without it the table is printed and nothing is kept.")
  private Path output;

  @Option(
      names = "--bits",
      paramLabel = "B",
      description = "Width that matrices are rounded to, 2..8 (default: ${DEFAULT-VALUE}).")
  private int bits = DEFAULTS.format().bits();

  @Option(
      names = "--group-size",
      paramLabel = "N",
      description = "Inputs that share a scale; must divide every matrix (default: a row).")
  private Integer groupSize;

  @Option(
      names = "--probes",
      paramLabel = "N",
      description = "Vectors for Hessian traces, from 2 (default: ${DEFAULT-VALUE}).")
  private int probes = DEFAULTS.probes();

  @Option(
      names = "--batch",
      paramLabel = "N",
      description = "Training examples of a vector (default: ${DEFAULT-VALUE}).")
  private int batch = DEFAULTS.batch();

  @Option(
      names = "--slices",
      paramLabel = "N",
      description =
          "Slices of 32 training examples for top eigenvalues, from 2 (default:"
              + " ${DEFAULT-VALUE}).")
  private int slices = DEFAULTS.slices();

  @Option(
      names = "--products",
      paramLabel = "N",
      description = "Most products with the Hessian for an eigenvalue (default: ${DEFAULT-VALUE}).")
  private int products = DEFAULTS.products();

  @Option(
      names = "--examples",
      paramLabel = "N",
      description = "Training examples for Fisher traces, from 2 (default: ${DEFAULT-VALUE}).")
  private int examples = DEFAULTS.examples();

  @Option(
      names = "--rows",
      paramLabel = "N",
      description =
          "Most rows of tune that loss and metric are measured on (default: ${DEFAULT-VALUE}).")
  private int rows = DEFAULTS.rows();

  @Option(names = "--seed", paramLabel = "N", description = "Seed (default: ${DEFAULT-VALUE}).")
  private long seed = 1;

  @Option(names = "--dry-run", description = "Print what would be measured, and stop.")
  private boolean dryRun;

  @Option(
      names = "--force",
      description = "Replace measurements of another model, task or other settings in DIR.")
  private boolean force;

  @Mixin private Common common;

  @Override
  public Integer call() {
    checkOptions();
    final Task opened = task.open(common);
    final Sources sources = new Sources(Path.of(""), common.progress(), common.offline());
    final Checkpoint checkpoint = sources.model(model);
    final WeightFormat format =
        WeightFormat.of(bits, groupSize == null ? OptionalInt.empty() : OptionalInt.of(groupSize));
    checkGroups(checkpoint);
    final Sensitivities sensitivities =
        new Sensitivities(
            checkpoint,
            opened,
            new SensitivityAnalysis.Settings(
                format, probes, batch, slices, products, examples, rows),
            seed);
    if (dryRun) {
      sensitivities.plan(System.out);
      return 0;
    }
    try (Workers workers = new Workers(common.threads())) {
      Sensitivities.print(
          sensitivities.measure(Optional.ofNullable(output), force, workers, common.progress()),
          System.out);
    }
    if (output != null) {
      System.out.println("Written: " + output);
    }
    return 0;
  }

  private void checkOptions() {
    if (bits < 2 || bits > 8) {
      throw Main.usage("--bits is " + bits + " and must be in 2..8.");
    }
    if (groupSize != null && groupSize < 1) {
      throw Main.usage("--group-size is " + groupSize + " and must be at least 1.");
    }
    final Map<String, List<Integer>> numbers =
        Map.of(
            "--probes", List.of(probes, 2),
            "--batch", List.of(batch, 1),
            "--slices", List.of(slices, 2),
            "--products", List.of(products, 1),
            "--examples", List.of(examples, 2),
            "--rows", List.of(rows, 1));
    for (String option :
        List.of("--probes", "--batch", "--slices", "--products", "--examples", "--rows")) {
      final int value = numbers.get(option).get(0);
      final int least = numbers.get(option).get(1);
      if (value < least) {
        throw Main.usage(option + " is " + value + " and must be at least " + least + ".");
      }
    }
    if (force && output == null) {
      throw Main.usage("--force has no meaning without a folder. Name one with -o DIR.");
    }
  }

  private void checkGroups(Checkpoint checkpoint) {
    if (groupSize != null) {
      checkpoint
          .parameters()
          .forEach(
              (name, tensor) -> {
                if (TensorSelector.isEncoderMatrix(name) && tensor.size(1) % groupSize != 0) {
                  throw Main.usage(
                      "--group-size is "
                          + groupSize
                          + ", and '"
                          + name
                          + "' has "
                          + tensor.size(1)
                          + " inputs. Choose a number that divides them.");
                }
              });
    }
  }
}
