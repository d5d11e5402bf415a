package dev.bantam.benchmarks;

import dev.bantam.benchmarks.OnnxBench.Contest;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.MavenArtifacts;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.DelimitedFile;
import dev.bantam.data.Example;
import dev.bantam.data.Metric;
import dev.bantam.data.Split;
import dev.bantam.data.Tasks;
import dev.bantam.data.WordnetRetrieval;
import dev.bantam.runner.Main;
import dev.bantam.runner.run.Sources;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bantam bench onnx}. */
@Command(
    name = "onnx",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = {
      "Our ONNX exports of " + OnnxFiles.MODEL + " against ready-made files, in ONNX Runtime.",
      "int8 against LangChain4j's int8: bytes, cosine to float32, retrieval, STS-B with --stsb,"
          + " speed at 1x16 1x128 32x32. Then float32, int4 and static int8 against the publisher's"
          + " float32, and static int8 against our dynamic one."
    })
final class OnnxCommand implements Callable<Integer> {
  @Option(
      names = "--stsb",
      paramLabel = "DIR",
      description = "GLUE's folder of STS-B, with train.tsv and dev.tsv; without it, no STS-B.")
  private Path stsb;

  @Mixin private BenchOptions options;
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    final List<BenchCase> cases = options.shapes("An exported file", "1x16", "1x128", "32x32");
    final InTurn inTurn = options.inTurn();
    final Progress progress = options.common().progress();
    final Optional<List<Example>> labelled = Optional.ofNullable(stsb).map(OnnxCommand::similar);
    final MavenArtifacts artifacts = new MavenArtifacts(progress, options.common().offline());
    final Checkpoint model =
        new Sources(Path.of(""), progress, options.common().offline()).model(OnnxFiles.MODEL);
    final OnnxVectors pairs =
        new OnnxVectors(
            model, Tasks.open(WordnetRetrieval.NAME, artifacts::resolve).examples(Split.DEV));
    final Optional<OnnxVectors> similar =
        labelled.map(examples -> new OnnxVectors(model, examples));
    try (Workers workers = new Workers(options.common().threads());
        OnnxBench bench =
            new OnnxBench(
                model, files(model, artifacts, workers, progress), workers, inTurn, progress)) {
      for (Contest contest : Contest.values()) {
        print(bench.bytes(contest));
        for (BenchCase wanted : cases) {
          progress.message("Measuring " + contest + " " + wanted.name());
          print(bench.speed(contest, wanted));
        }
        if (contest.comparesVectors()) {
          bench.retrieval(contest, pairs).forEach(this::print);
          similar.ifPresent(set -> print(bench.similarity(contest, set)));
        }
      }
    }
    return 0;
  }

  private static Map<OnnxFile, byte[]> files(
      Checkpoint model, MavenArtifacts artifacts, Workers workers, Progress progress) {
    final Map<OnnxFile, byte[]> files =
        new EnumMap<>(OnnxFiles.of(model, artifacts, workers, progress));
    files.put(OnnxFile.STATIC, OnnxFiles.calibrated(model, artifacts, workers, progress));
    return files;
  }

  private void print(BenchLine line) {
    spec.commandLine().getOut().println(line.json());
    spec.commandLine().getOut().flush();
  }

  private static List<Example> similar(Path folder) {
    return new DelimitedFile(
            "stsb",
            folder.resolve("train.tsv"),
            folder.resolve("dev.tsv"),
            List.of("sentence1", "sentence2"),
            "score",
            Metric.SPEARMAN)
        .read()
        .examples(Split.DEV);
  }
}
