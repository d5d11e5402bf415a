package dev.bantam.runner;

import dev.bantam.report.MlflowStore;
import dev.bantam.report.ReportContext;
import dev.bantam.report.Reports;
import dev.bantam.report.RunFolder;
import dev.bantam.runner.run.Version;
import dev.bantam.tensor.AtomicFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bantam report}. */
@Command(
    name = "report",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = "Make the report of a run again, or one report of several runs.")
final class ReportCommand implements Callable<Integer> {
  private static final Path PUBLISHED = Path.of("reports");

  @Parameters(arity = "1..*", paramLabel = "DIR", description = "Run folders.")
  private List<Path> runs;

  @Option(
      names = "-o",
      paramLabel = "DIR",
      description = "Where the report goes (default for one run: its folder).")
  private Path output;

  @Option(
      names = "--publish",
      description = "Write the report to reports/NAME, to be committed with the sources.")
  private boolean publish;

  @Option(
      names = "--name",
      paramLabel = "NAME",
      description = "Name of the published report (default: the experiment's).")
  private String name;

  @Option(
      names = "--mlflow",
      paramLabel = "DIR",
      description =
          "Add every cell to a file store of MLflow as a run, and write no report; show them with"
              + " 'mlflow ui --backend-store-uri DIR'.")
  private Path mlflow;

  @Option(names = "--dry-run", description = "Read and check the runs, write nothing.")
  private boolean dryRun;

  @Option(names = "--force", description = "Write into an output folder that exists.")
  private boolean force;

  @Mixin private Common common;

  @Override
  public Integer call() {
    if (publish && output != null) {
      throw Main.usage("--publish writes to reports/NAME, so it takes no -o.");
    }
    if (mlflow != null && (publish || output != null || name != null)) {
      throw Main.usage("--mlflow writes no report, so it takes no --publish, --name or -o.");
    }
    if (runs.size() > 1 && output == null && !publish && mlflow == null) {
      throw Main.usage("Several runs are joined into a new folder: name it with -o.");
    }
    final List<RunFolder> folders = runs.stream().map(RunFolder::read).toList();
    final ReportContext context = context(folders);
    if (dryRun) {
      folders.forEach(
          r -> common.progress().message(r.name() + ": " + r.cells().size() + " cells"));
      return 0;
    }
    if (mlflow != null) {
      final MlflowStore store = new MlflowStore(mlflow);
      System.out.println("MLflow runs: " + folders.stream().mapToInt(store::add).sum());
      return 0;
    }
    if (publish) {
      final String target = name != null ? name : common(folders);
      Reports.publish(runs, PUBLISHED, target, commit().map(context::withCommit).orElse(context));
      System.out.println("Published: " + PUBLISHED.resolve(target));
      return 0;
    }
    final Path target = output != null ? output : runs.get(0);
    if (output != null && Files.exists(output) && !force) {
      throw Main.usage(
          output + " exists already. Choose another folder, or write into it with --force.");
    }
    AtomicFiles.createFolders(target);
    Reports.write(folders, target, context);
    System.out.println("Report: " + target.resolve("report.html"));
    return 0;
  }

  /** The name of the experiment; joined ones need a name. */
  private static String common(List<RunFolder> folders) {
    final Set<String> names = new LinkedHashSet<>();
    folders.forEach(f -> names.add(f.manifest().path("experiment").asText()));
    if (names.size() > 1) {
      throw Main.usage("The runs are of several experiments " + names + ": give a --name.");
    }
    return names.iterator().next();
  }

  private static ReportContext context(List<RunFolder> folders) {
    final Set<String> commands = new LinkedHashSet<>();
    folders.forEach(f -> commands.add(f.manifest().path("command").asText()));
    return new ReportContext("", String.join("\n", commands), Version.TEXT);
  }

  /** The commit of the sources, marked if anything but reports differs from it. */
  private static Optional<String> commit() {
    final Optional<String> head = git("rev-parse", "HEAD");
    return head.map(
        h ->
            git("status", "--porcelain", "--", ".", ":!reports").orElse("").isBlank()
                ? h.strip()
                : h.strip() + "-modified");
  }

  private static Optional<String> git(String... arguments) {
    final List<String> command = new ArrayList<>(List.of("git"));
    command.addAll(List.of(arguments));
    try {
      final Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      final String output =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return process.waitFor(10, TimeUnit.SECONDS) && process.exitValue() == 0
          ? Optional.of(output)
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty(); // no git here: the report names no commit
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    }
  }
}
