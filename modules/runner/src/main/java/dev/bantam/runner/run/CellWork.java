package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepLog;
import dev.bantam.data.Metric;
import dev.bantam.data.Split;
import dev.bantam.export.ModelFolder;
import dev.bantam.export.PackedFile;
import dev.bantam.report.CellRecord;
import dev.bantam.report.CellResult;
import dev.bantam.report.CellTimings;
import dev.bantam.report.StepRecord;
import dev.bantam.report.StoredSize;
import dev.bantam.runner.experiment.EvaluateSettings;
import dev.bantam.runner.experiment.Experiment;
import dev.bantam.runner.experiment.FinetuneSettings;
import dev.bantam.runner.experiment.ParsedStep;
import dev.bantam.runner.experiment.Seeds;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import dev.bantam.training.Evaluator.Evaluation;
import dev.bantam.training.FineTuner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The work of one cell, in its folder: make the model, write it, read it back, evaluate what was
 * read. Each stage leaves a file that tells a later run that it is done.
 */
final class CellWork {
  static final String FINETUNED = "finetune.json";
  static final String RESULT = "result.json";
  static final String TIMINGS = "timings.json";
  private static final String RESUME = "resume.safetensors";

  private final Cell cell;
  private final CellKey key;
  private final Path folder;
  private final Bench bench;
  private final Experiment<Step> experiment;
  private final FinetuneSettings settings;
  private final Split split;
  private final Progress progress;

  /**
   * @param folder exists, belongs to this key, and may hold what an earlier try got done
   */
  CellWork(Cell cell, CellKey key, Path folder, Bench bench, Prepared prepared, Progress progress) {
    this.cell = cell;
    this.key = key;
    this.folder = folder;
    this.bench = bench;
    this.experiment = prepared.experiment();
    this.settings = cell.isFineTuned() ? prepared.finetune(cell) : experiment.finetune();
    this.split = prepared.split();
    this.progress = progress;
  }

  /** Whether a work folder holds epochs, or the whole training, to go on from. */
  static boolean hasTrained(Path folder) {
    return BenchResources.hasTrained(folder)
        || Files.isRegularFile(folder.resolve(RESUME))
        || Files.isRegularFile(folder.resolve(FINETUNED));
  }

  /** A model without steps: trained unless it fits already or has no labels, then evaluated. */
  CellRecord fineTuned() {
    if (!Files.isRegularFile(folder.resolve(FINETUNED))) {
      finetune();
    }
    final double seconds = Json.read(folder.resolve(TIMINGS)).path("finetune_seconds").asDouble(-1);
    return evaluate(
        readBack(List.of(), false),
        List.of(),
        0,
        seconds < 0 ? OptionalDouble.empty() : OptionalDouble.of(seconds));
  }

  private void finetune() {
    final ObjectNode log = Json.object();
    final ObjectNode timings = Json.object();
    final boolean train = cell.subject().isTrained(settings);
    log.put("finetuned", train);
    if (train) {
      final SavedTraining saved = new SavedTraining(folder.resolve(RESUME));
      final ArrayNode epochs = log.putArray("epochs");
      for (FineTuner.Epoch epoch : bench.finetune(settings, cell.seed(), saved)) {
        epochs
            .addObject()
            .put("number", epoch.number())
            .put("training_loss", epoch.loss())
            .put("tune_" + cell.subject().task().metric().id(), epoch.tune());
      }
      timings.put("finetune_seconds", saved.seconds());
    } else {
      bench.load(cell.subject().model().parameters());
    }
    PackedFile.write(bench.dense(), folder.resolve(ModelFolder.WEIGHTS));
    Json.write(folder.resolve(TIMINGS), timings);
    Json.write(folder.resolve(FINETUNED), log);
  }

  /**
   * A compressed model.
   *
   * @param fineTuned weights of the model that the steps begin with; not changed
   */
  CellRecord compressed(Map<String, INDArray> fineTuned, OptionalDouble finetuneSeconds) {
    final long start = System.nanoTime();
    final List<StepLog> logs = compress(fineTuned);
    final Stored stored = readBack(logs, true);
    return evaluate(
        stored, Records.steps(cell.variant().steps(), logs), seconds(start), finetuneSeconds);
  }

  /**
   * A merged model.
   *
   * @param weights of the whole model, the task's own head included; not changed
   * @param how what was merged
   * @param mergeSeconds what it took
   */
  CellRecord merged(
      Map<String, INDArray> weights,
      StepRecord how,
      double mergeSeconds,
      OptionalDouble finetuneSeconds) {
    bench.load(weights);
    PackedFile.write(bench.dense(), folder.resolve(ModelFolder.WEIGHTS));
    return evaluate(readBack(List.of(), true), List.of(how), mergeSeconds, finetuneSeconds);
  }

  /**
   * A model stored as its differences to a base.
   *
   * @param fineTuned its weights; not changed
   * @param base what the differences are taken to
   */
  CellRecord delta(
      Map<String, INDArray> fineTuned, Checkpoint base, OptionalDouble finetuneSeconds) {
    final long start = System.nanoTime();
    final DeltaCell.Stored stored =
        new DeltaCell(cell.variant().delta().orElseThrow(), base, bench)
            .store(
                folder.resolve(cell.file()),
                fineTuned,
                cell.seed(),
                Seeds.ofDraw(cell.seed(), cell.draw()));
    bench.load(stored.weights());
    Bench.free(stored.weights());
    return evaluate(
        new Stored(stored.size(), Records.sparsity(bench.weights()), OptionalDouble.empty()),
        List.of(stored.record()),
        seconds(start),
        finetuneSeconds);
  }

  /** Applies the steps to the live model and writes what came of it. */
  private List<StepLog> compress(Map<String, INDArray> fineTuned) {
    bench.load(fineTuned);
    final CompressionState state =
        new CompressionState(
            bench.weights(),
            Seeds.ofDraw(cell.seed(), cell.draw()),
            new BenchResources(
                bench, cell.subject().trainExamples(settings), cell.seed(), fineTuned, folder));
    state.carry(bench.operations());
    final List<StepLog> logs = new ArrayList<>();
    for (ParsedStep<Step> step : cell.variant().steps()) {
      progress.message(cell.name() + ": " + step.step() + " by " + step.method());
      logs.add(step.value().apply(state));
    }
    PackedFile.write(state.finish(), folder.resolve(ModelFolder.WEIGHTS));
    return logs;
  }

  /** Facts about a written file, taken before the evaluation so that its bytes need not stay. */
  private record Stored(StoredSize size, double sparsity, OptionalDouble bits) {}

  /**
   * Puts what the file holds into the live model, tensor by tensor.
   *
   * @param computed whether the live model holds what was written; the file must then give exactly
   *     that, or the results would be another model's
   */
  private Stored readBack(List<StepLog> logs, boolean computed) {
    final Path file = folder.resolve(ModelFolder.WEIGHTS);
    final CompressedModel stored = PackedFile.read(file);
    if (computed) {
      requireSame(stored);
    }
    bench.load(stored);
    final Map<String, INDArray> live = bench.weights();
    return new Stored(
        Records.size(stored, live, file), Records.sparsity(live), Records.bits(logs, live));
  }

  private void requireSame(CompressedModel stored) {
    final Map<String, INDArray> live = bench.model().parameters();
    stored
        .tensors()
        .forEach(
            (name, form) -> {
              final Map<String, INDArray> read = Map.of(name, form.dense());
              requireSame(name, live.get(name), read.get(name));
              Bench.free(read);
            });
    stored
        .operations()
        .forEach(
            (place, operation) ->
                operation
                    .tensors()
                    .forEach(
                        (name, read) -> {
                          final String full = place + "/" + name;
                          requireSame(full, live.getOrDefault(full, read), read);
                        }));
  }

  private void requireSame(String name, INDArray live, INDArray read) {
    if (!Arrays.equals(Floats.toArray(live), Floats.toArray(read))) {
      throw new IllegalStateException(
          cell.name() + ": '" + name + "' read back differs from what was written");
    }
  }

  private CellRecord evaluate(
      Stored stored,
      List<StepRecord> steps,
      double compressSeconds,
      OptionalDouble finetuneSeconds) {
    final long start = System.nanoTime();
    final Evaluation evaluation =
        bench.evaluate(split, "Evaluating " + cell.name() + " on " + split.id());
    final double evaluateSeconds = seconds(start);
    final OptionalDouble latency =
        experiment.evaluate().latency().isPresent()
            ? OptionalDouble.of(latency(experiment.evaluate().latency().get()))
            : OptionalDouble.empty();
    final CellResult result =
        new CellResult(
            cell.subject().task().metric().id(),
            metrics(evaluation),
            cell.subject().examples(split),
            stored.size(),
            stored.sparsity(),
            stored.bits(),
            steps,
            List.of());
    final CellRecord record =
        CellRecord.ok(Records.id(experiment, cell, split), key.sha256(), result);
    new CellTimings(compressSeconds, evaluateSeconds, finetuneSeconds, latency)
        .write(folder.resolve(TIMINGS));
    AtomicFiles.delete(folder.resolve(RESUME));
    BenchResources.forgetTrainings(folder);
    record.write(folder.resolve(RESULT));
    return record;
  }

  private Map<String, Double> metrics(Evaluation evaluation) {
    final Map<String, Double> metrics = new LinkedHashMap<>();
    for (Map.Entry<Metric, Double> metric : evaluation.metrics().entrySet()) {
      if (!Double.isFinite(metric.getValue())) {
        throw new BantamException(
            ExitCode.BAD_FILE,
            cell.name()
                + ": "
                + metric.getKey().id()
                + " on "
                + split.id()
                + " is "
                + metric.getValue()
                + ": the model's outputs are no numbers any more. Compress it less, or fine-tune"
                + " with a lower learning rate.");
      }
      metrics.put(metric.getKey().id(), metric.getValue());
    }
    return metrics;
  }

  private double latency(EvaluateSettings.Latency shape) {
    return Latency.medianMilliseconds(bench.encoder(), shape.batch(), shape.length());
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }
}
