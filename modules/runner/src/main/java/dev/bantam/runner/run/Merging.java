package dev.bantam.runner.run;

import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Split;
import dev.bantam.deltamerging.ModelMerger;
import dev.bantam.export.PackedFile;
import dev.bantam.report.StepRecord;
import dev.bantam.runner.experiment.MergeSpec;
import dev.bantam.runner.experiment.Seeds;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Merges the fine-tuned models of several tasks into one encoder, and gives it a task's own head.
 * Where factors are to be chosen, the one of the best mean over the tasks on tune is taken.
 */
final class Merging implements AutoCloseable {
  static final String HEAD = "classifier.";

  private final Prepared prepared;
  private final Function<Cell, Path> files;
  private final Workers workers;
  private final Progress progress;
  private final Map<String, Map<Double, Double>> choices = new HashMap<>(); // looked up only
  private final Map<Cell, Map<String, INDArray>> loaded = new LinkedHashMap<>();
  private final MergeEvidence evidence = new MergeEvidence();
  private Cell last;

  /**
   * @param files the packed weights of finished cells
   */
  Merging(Prepared prepared, Function<Cell, Path> files, Workers workers, Progress progress) {
    this.prepared = prepared;
    this.files = files;
    this.workers = workers;
    this.progress = progress;
  }

  /**
   * A merged model.
   *
   * @param weights of the encoder, and the task's own head
   * @param own which of them are not shared with other models
   */
  record Merged(Map<String, INDArray> weights, Map<String, INDArray> own, StepRecord record) {
    void free() {
      Bench.free(own);
    }
  }

  /**
   * The model of a cell.
   *
   * @param benches of the subjects; getting one closes the one before
   */
  Merged merge(Cell cell, Function<Subject, Bench> benches) {
    final MergeSpec spec = cell.variant().merge().orElseThrow();
    final List<Map<String, INDArray>> statistics =
        MergeEvidence.isNeeded(spec)
            ? evidence.of(spec, prepared.inputs(cell), this::weights, benches)
            : List.of();
    final Map<Double, Double> tune =
        spec.lambdas().size() == 1 ? Map.of() : choice(cell, spec, benches);
    final double lambda =
        tune.entrySet().stream()
            .max(Map.Entry.comparingByValue()) // the first of equals
            .map(Map.Entry::getKey)
            .orElse(spec.lambdas().get(0));
    final Map<String, INDArray> own = weights(prepared.dense(cell));
    final Map<String, INDArray> body = body(cell, spec, lambda, statistics);
    final Map<String, INDArray> all = new LinkedHashMap<>(own);
    all.putAll(body);
    try {
      return new Merged(all, body, Records.merge(spec, lambda, tune, own, all));
    } catch (RuntimeException e) {
      Bench.free(body);
      throw e;
    }
  }

  /**
   * The mean over the inputs' tasks on tune, for each factor; the same for every task of a merge.
   */
  private Map<Double, Double> choice(Cell cell, MergeSpec spec, Function<Subject, Bench> benches) {
    final List<Cell> inputs = prepared.inputs(cell);
    final String key =
        String.join(
            "/",
            cell.subject().model().name(),
            cell.variant().name(),
            Long.toString(cell.seed()),
            Integer.toString(cell.draw()),
            spec.inputs().isEmpty() ? cell.subject().task().name() : "");
    return choices.computeIfAbsent(
        key,
        k -> {
          final Map<Double, Double> means = new LinkedHashMap<>();
          for (Cell input : inputs) {
            final Bench bench = benches.apply(input.subject());
            for (double lambda : spec.lambdas()) {
              final double score = score(bench, input, body(cell, spec, lambda, List.of()));
              means.merge(lambda, score / inputs.size(), Double::sum);
            }
          }
          progress.message(
              String.format(
                  Locale.ROOT, "%s: mean on tune by lambda %s", cell.variant().name(), means));
          return means;
        });
  }

  private double score(Bench bench, Cell input, Map<String, INDArray> body) {
    final Map<String, INDArray> all = new LinkedHashMap<>(weights(input));
    all.putAll(body);
    try {
      bench.load(all);
    } finally {
      Bench.free(body);
    }
    return bench
        .evaluate(Split.TUNE, "Evaluating " + input.subject().task().name() + " on tune")
        .value(input.subject().task().metric());
  }

  /**
   * The merged tensors, everything but the head, as copies.
   *
   * @param statistics of the inputs, for methods that weigh with them
   */
  private Map<String, INDArray> body(
      Cell cell, MergeSpec spec, double lambda, List<Map<String, INDArray>> statistics) {
    final List<Cell> inputs = prepared.inputs(cell);
    final Map<String, INDArray> source = cell.subject().model().parameters();
    final List<String> names =
        weights(inputs.get(0)).keySet().stream()
            .filter(name -> !name.startsWith(HEAD) && source.containsKey(name))
            .toList();
    if (spec.method().isEmpty()) {
      final Map<String, INDArray> body = new LinkedHashMap<>();
      names.forEach(name -> body.put(name, source.get(name)));
      return Bench.copy(body);
    }
    final List<Map<String, INDArray>> models = new ArrayList<>();
    inputs.forEach(input -> models.add(weights(input)));
    final List<String> tasks = inputs.stream().map(i -> i.subject().task().name()).toList();
    final var recipe = spec.recipe(tasks, lambda);
    final Map<String, INDArray> base = spec.startsFromAnInput() ? models.remove(0) : source;
    final List<String> merged =
        statistics.isEmpty() ? names : MergeEvidence.changed(inputs, this::weights);
    final Map<String, INDArray> body = new LinkedHashMap<>();
    names.stream()
        .filter(name -> !merged.contains(name))
        .forEach(name -> body.put(name, models.get(0).get(name)));
    final Map<String, INDArray> all = new LinkedHashMap<>(Bench.copy(body));
    all.putAll(
        new ModelMerger(recipe, Seeds.ofDraw(cell.seed(), cell.draw()))
            .merge(
                merged,
                recipe.base().isPresent() ? Optional.of(base) : Optional.empty(),
                models,
                statistics,
                workers));
    return all;
  }

  /** The weights of a finished cell; those of one model and seed are kept. */
  private Map<String, INDArray> weights(Cell cell) {
    if (last != null && (cell.seed() != last.seed() || !cell.subject().isOfModel(last.subject()))) {
      close();
    }
    last = cell;
    return loaded.computeIfAbsent(cell, c -> PackedFile.read(files.apply(c)).dense());
  }

  @Override
  public void close() {
    loaded.values().forEach(Bench::free);
    loaded.clear();
    evidence.close();
  }
}
