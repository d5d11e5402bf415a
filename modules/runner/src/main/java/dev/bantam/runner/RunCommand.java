package dev.bantam.runner;

import dev.bantam.compression.Step;
import dev.bantam.runner.experiment.ExperimentFile;
import dev.bantam.runner.experiment.ExperimentReader;
import dev.bantam.runner.run.ExperimentRun;
import dev.bantam.runner.run.Plan;
import dev.bantam.runner.run.Prepared;
import dev.bantam.runner.run.RunOptions;
import dev.bantam.runner.run.Runs;
import dev.bantam.runner.run.Selection;
import dev.bantam.runner.run.Sources;
import dev.bantam.runner.run.StepCatalogue;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bantam run}. */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = "Fine-tune, compress by every variant, evaluate, report, export.")
final class RunCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "EXPERIMENT",
      description = "An experiment file, or a folder with an experiment.yaml.")
  private Path experiment;

  @Option(
      names = "-o",
      paramLabel = "DIR",
      description = "Where the run goes (default: runs/NAME). A run that stopped goes on there.")
  private Path output;

  @Option(names = "--dry-run", description = "Check everything and print the plan, as 'plan' does.")
  private boolean dryRun;

  @Option(
      names = "--force",
      description = "Compute cells again that the folder holds with other settings.")
  private boolean force;

  @Option(
      names = "--smoke",
      description = "Try the whole path in seconds with a two-layer random model.")
  private boolean smoke;

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "Evaluate on the first N examples only; such a run cannot be published.")
  private Integer limit;

  @Option(
      names = "--only",
      paramLabel = "CONDITIONS",
      description = {
        "A part of the cells, such as 'task=wordnet-supersense,seed=1', and what they need; keys are"
            + " model, task, variant, seed and draw, values may have '*'. Of several --only each"
            + " adds its cells. 'report' joins parts."
      })
  private List<String> only = List.of();

  @Mixin private Common common;

  @Override
  public Integer call() {
    if (limit != null && limit < 1) {
      throw Main.usage("--limit is " + limit + " and must be at least 1.");
    }
    final RunOptions options =
        new RunOptions(
            smoke,
            limit == null ? OptionalInt.empty() : OptionalInt.of(limit),
            common.threads(),
            common.offline(),
            force,
            common.progress());
    final Optional<Selection> selection =
        only.isEmpty() ? Optional.empty() : Optional.of(new Selection(only));
    final long start = System.nanoTime();
    final Prepared whole = prepare(experiment, options);
    final Prepared prepared = selection.map(whole::only).orElse(whole);
    final double preparing = (System.nanoTime() - start) / 1e9;
    final Path folder =
        output != null
            ? output
            : Path.of("runs", prepared.experiment().name() + (smoke ? "-smoke" : ""));
    ExperimentRun.requireUsable(folder);
    if (dryRun) {
      Plan.print(prepared, options, folder, System.out);
      return 0;
    }
    return Runs.run(whole, prepared, options, folder, command(), preparing, System.out).code();
  }

  /** What a reader of the report types to get the same. */
  private String command() {
    final Path here = Path.of("").toAbsolutePath();
    final Path absolute = experiment.toAbsolutePath().normalize();
    final Path shown =
        absolute.startsWith(here) ? here.relativize(absolute) : absolute.getFileName();
    return "./bantam run "
        + shown.toString().replace('\\', '/')
        + (smoke ? " --smoke" : "")
        + (limit == null ? "" : " --limit " + limit)
        + String.join("", only.stream().map(o -> " --only '" + o + "'").toList());
  }

  /** Reads an experiment and opens and checks everything it names. */
  static Prepared prepare(Path experiment, RunOptions options) {
    final ExperimentFile<Step> file = new ExperimentReader<>(new StepCatalogue()).read(experiment);
    final Path base = Files.isDirectory(experiment) ? experiment : experiment.getParent();
    return Prepared.of(
        file,
        new Sources(base == null ? Path.of("") : base, options.progress(), options.offline()),
        options);
  }
}
