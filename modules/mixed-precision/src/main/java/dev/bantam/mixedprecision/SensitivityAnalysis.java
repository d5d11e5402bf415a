package dev.bantam.mixedprecision;

import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.StepResources;
import dev.bantam.data.Correlation;
import dev.bantam.data.Metric;
import dev.bantam.data.Task;
import dev.bantam.data.TokenizedExample;
import dev.bantam.tensor.Floats;
import dev.bantam.training.Evaluator;
import dev.bantam.training.hessian.Estimate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/**
 * How much each matrix of a model matters: everything that a choice of widths can go by, beside
 * what rounding that matrix alone does to the loss.
 *
 * <p>Deterministic: examples and vectors depend on the seed of the state alone. Weights are moved
 * while it works and have the same bytes afterwards.
 */
public final class SensitivityAnalysis {
  private final CompressionState state;
  private final List<String> names;
  private final Settings settings;
  private final Kept kept;

  /**
   * What is measured, and from how much.
   *
   * @param format width, groups and ranges that matrices are rounded with
   * @param probes vectors of the Hessian trace, at least 2, each with a batch of its own
   * @param batch examples of a vector
   * @param slices of the training examples for top eigenvalues, at least 2, of 32 examples each
   * @param products most products with the Hessian for one eigenvalue
   * @param examples of the Fisher trace, at least 2
   * @param rows most rows of tune that loss and metric are measured on, at least 1
   */
  public record Settings(
      WeightFormat format,
      int probes,
      int batch,
      int slices,
      int products,
      int examples,
      int rows) {
    public Settings {
      if (probes < 2 || batch < 1 || slices < 2 || products < 1 || examples < 2 || rows < 1) {
        throw new IllegalArgumentException("Too little to measure anything: " + probes);
      }
    }

    /** The one home of the defaults. */
    public static Settings of(int bits) {
      return new Settings(WeightFormat.of(bits, OptionalInt.empty()), 32, 32, 5, 20, 512, 1000);
    }

    /** E.g. {@code 3 bit, rows, symmetric -4..3, mse range, float16 scales}. */
    public String rounding() {
      return format.describe();
    }
  }

  /** Finished pieces of a measurement that may be stopped at any moment. */
  public interface Kept {
    /** The numbers of a piece, if it was finished before. */
    Optional<double[]> find(String piece);

    /** Keeps the numbers of a piece. */
    void keep(String piece, double[] numbers);
  }

  /**
   * A measured figure.
   *
   * @param value the estimate
   * @param standardError how far it may be off by chance
   */
  public record Figure(double value, double standardError) {}

  /**
   * One matrix.
   *
   * @param name of the parameter
   * @param weights how many there are
   * @param hessianTrace trace of its block of the Hessian over {@code weights}: the mean eigenvalue
   * @param topEigenvalue {@code |mean| + standard deviation} of the top eigenvalue of its layer's
   *     block over slices (Q-BERT)
   * @param fisherTrace mean squared derivative of single examples' losses
   * @param squaredError of the nearest codes
   * @param loss increase of the mean loss with this matrix alone rounded
   * @param metric change of the task's metric
   */
  public record Matrix(
      String name,
      long weights,
      Figure hessianTrace,
      Figure topEigenvalue,
      Figure fisherTrace,
      double squaredError,
      double loss,
      double metric) {}

  /**
   * All of it.
   *
   * @param metric the task's
   * @param rows that loss and metric were measured on
   * @param loss of the model as it is
   * @param value of the metric
   * @param matrices in the model's order
   * @param correlations rank correlation (Spearman) of each sensitivity of {@code allocate} with
   *     the increase of the loss, by the sensitivity's name in recipes; NaN if one does not vary
   */
  public record Result(
      Metric metric,
      int rows,
      double loss,
      double value,
      List<Matrix> matrices,
      Map<String, Double> correlations) {
    public Result {
      matrices = List.copyOf(matrices);
    }
  }

  private SensitivityAnalysis(
      CompressionState state, List<String> names, Settings settings, Kept kept) {
    this.state = state;
    this.names = List.copyOf(names);
    this.settings = settings;
    this.kept = kept;
  }

  /**
   * Measures.
   *
   * @param state over a model with a head for its task, which has labels
   * @param names of matrices of encoder layers
   * @throws dev.bantam.tensor.BantamException (bad input) if a weight is no finite number
   */
  public static Result run(
      CompressionState state, List<String> names, Settings settings, Kept kept) {
    return new SensitivityAnalysis(state, names, settings, kept).run();
  }

  private Result run() {
    names.forEach(state::finiteWeight); // refused before any work
    final Map<String, Figure> hessian =
        measured(
            "hessian-trace",
            names,
            new Evidence.HessianTraces(settings.probes(), settings.batch()));
    final Map<String, Figure> fisher =
        measured("fisher-trace", names, new Evidence.FisherTraces(settings.examples()));
    final Map<String, Figure> top = new LinkedHashMap<>();
    final Evidence eigenvalues =
        new Evidence.TopEigenvalues(settings.slices(), 1, settings.products());
    Unit.LAYER
        .group(names)
        .forEach(
            (layer, members) ->
                top.putAll(measured("top-eigenvalue " + layer, members, eigenvalues)));
    return rounded(hessian, top, fisher);
  }

  /** A value and an error for each matrix. */
  private Map<String, Figure> measured(String piece, List<String> members, Evidence evidence) {
    final double[] numbers =
        keptOr(
            piece,
            () -> {
              final Map<String, Estimate> found = evidence.measure(state, members);
              final double[] all = new double[2 * members.size()];
              for (int i = 0; i < members.size(); i++) {
                all[2 * i] = found.get(members.get(i)).mean();
                all[2 * i + 1] = found.get(members.get(i)).standardError();
              }
              return all;
            });
    final Map<String, Figure> figures = new LinkedHashMap<>();
    for (int i = 0; i < members.size(); i++) {
      figures.put(members.get(i), new Figure(numbers[2 * i], numbers[2 * i + 1]));
    }
    return figures;
  }

  private double[] keptOr(String piece, Supplier<double[]> measure) {
    return kept.find(piece)
        .orElseGet(
            () -> {
              final double[] numbers = measure.get();
              kept.keep(piece, numbers);
              return numbers;
            });
  }

  private Result rounded(
      Map<String, Figure> hessian, Map<String, Figure> top, Map<String, Figure> fisher) {
    final StepResources resources = state.resources();
    final List<TokenizedExample> tune = resources.tune();
    final List<TokenizedExample> rows = tune.subList(0, Math.min(settings.rows(), tune.size()));
    final List<Matrix> matrices = new ArrayList<>();
    final double[] before;
    try (var bar =
        resources.progress().start("Rounding one at a time", names.size() + 1L, "matrices")) {
      before = keptOr("as it is", () -> score(rows));
      bar.advance(1);
      for (String name : names) {
        final double[] after = keptOr("rounded " + name, () -> roundedAlone(name, rows));
        matrices.add(
            new Matrix(
                name,
                state.weights().get(name).length(),
                hessian.get(name),
                top.get(name),
                fisher.get(name),
                after[0],
                after[1] - before[0],
                after[2] - before[1]));
        bar.advance(1);
      }
    }
    return new Result(
        resources.task().metric(),
        rows.size(),
        before[0],
        before[1],
        matrices,
        correlations(matrices));
  }

  /** Squared error, loss and metric. */
  private double[] roundedAlone(String name, List<TokenizedExample> rows) {
    final float[] w = state.finiteWeight(name);
    final float[] codes =
        Floats.toArray(Rounding.Nearest.quantize(state, name, settings.format()).dense());
    double error = 0;
    for (int i = 0; i < w.length; i++) {
      error += ((double) codes[i] - w[i]) * ((double) codes[i] - w[i]);
    }
    final Floats live = Floats.of(state.weights().get(name));
    try {
      live.write(0, codes, 0, codes.length);
      final double[] scores = score(rows);
      return new double[] {error, scores[0], scores[1]};
    } finally {
      live.write(0, w, 0, w.length);
    }
  }

  /** Loss and metric of the live model. */
  private double[] score(List<TokenizedExample> rows) {
    final Task task = state.resources().task();
    final Evaluator.Evaluation scores =
        Evaluator.evaluate(state.resources().model(), task, rows, "", Progress.NONE);
    return new double[] {scores.value(Metric.LOSS), scores.value(task.metric())};
  }

  private static Map<String, Double> correlations(List<Matrix> matrices) {
    final Map<String, Double> correlations = new LinkedHashMap<>();
    final Map<String, ToDoubleFunction<Matrix>> harms = new LinkedHashMap<>();
    harms.put("hessian-trace", m -> Math.max(0, m.hessianTrace().value()) * m.squaredError());
    harms.put("fisher-trace", m -> m.fisherTrace().value() * m.squaredError());
    harms.put("q-bert", m -> m.topEigenvalue().value());
    harms.put("error", Matrix::squaredError);
    final double[] loss = matrices.stream().mapToDouble(Matrix::loss).toArray();
    harms.forEach(
        (name, harm) ->
            correlations.put(
                name,
                matrices.size() < 2
                    ? Double.NaN
                    : Correlation.spearman(matrices.stream().mapToDouble(harm).toArray(), loss)));
    return correlations;
  }
}
