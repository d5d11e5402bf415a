package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.EmpiricalFisher;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import dev.bantam.data.LabelledBatch;
import dev.bantam.model.GradientSink;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.Floats;
import dev.bantam.training.TaskLoss;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Optimal Brain Damage (LeCun et al. 1990) with the diagonal of the empirical Fisher matrix in
 * place of the Hessian's: a weight costs {@code 1/2 w^2 (lambda + 1/m sum g^2)}, a group the sum of
 * its weights. Weights that stay are not moved.
 *
 * @param scope where weights compete
 * @param pattern which of them go together
 * @param gradients m, mini-batch gradients
 * @param batch examples of a mini-batch
 * @param dampening lambda
 */
record DiagonalObd(Scope scope, Pattern pattern, int gradients, int batch, double dampening)
    implements Criterion {
  private static final int SMOKE_GRADIENTS = 8;
  private static final int SMOKE_BATCH = 4;

  /** Reads {@code prune: {method: obd, ...}}. */
  public static final class Factory implements StepFactory {
    @Override
    public String step() {
      return "prune";
    }

    @Override
    public String method() {
      return "obd";
    }

    @Override
    public Step parse(Settings settings) {
      final Pattern pattern = Pattern.read(settings);
      return pattern.step(
          settings,
          new DiagonalObd(
              settings.choice("scope", Scope.class, Scope.GLOBAL),
              pattern,
              settings.integer("gradients", 1, 1 << 20, 256),
              settings.integer("batch", 1, 1 << 12, 16),
              settings.number("dampening", 0, 1e6, 1e-7)));
    }
  }

  @Override
  public String method() {
    return "obd";
  }

  @Override
  public String gradualMethod() {
    return "obd-gradual";
  }

  @Override
  public String describe() {
    return String.format(
        Locale.ROOT,
        "OBD, %s, %s, diagonal from %d gradients of %d, dampening %s",
        scope.name().toLowerCase(Locale.ROOT),
        pattern,
        gradients,
        batch,
        dampening);
  }

  @Override
  public boolean moves() {
    return false;
  }

  @Override
  public boolean needsLabels() {
    return true;
  }

  @Override
  public Smoke smoke() {
    final DiagonalObd cheaper =
        new DiagonalObd(
            scope,
            pattern,
            Math.min(gradients, SMOKE_GRADIENTS),
            Math.min(batch, SMOKE_BATCH),
            dampening);
    return new Smoke(cheaper, Map.of("gradients", cheaper.gradients, "batch", cheaper.batch));
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> matrices) {
    return pattern.check(matrices);
  }

  @Override
  public Step.Cost cost(Map<String, long[]> matrices) {
    long weights = 0;
    for (long[] shape : matrices.values()) {
      weights += shape[0] * shape[1];
    }
    // sums of squares, scores twice, marks
    final long heap = PrunedWeights.heapBytes(matrices) + weights * (3 * Double.BYTES + 2);
    return new Step.Cost(0, heap, (long) gradients * batch, 0, 0);
  }

  @Override
  public StepLog.Event prune(
      PrunedWeights weights, double sparsity, int number, boolean only, CompressionState state) {
    final double[][] squares = new double[weights.count()][];
    for (int t = 0; t < squares.length; t++) {
      squares[t] = new double[weights.weights(t).length];
    }
    final double loss = sample(weights.names(), squares, number, state);
    final double[][] costs = new double[squares.length][];
    for (int t = 0; t < squares.length; t++) {
      costs[t] = costs(weights.weights(t), squares[t]);
    }
    final Map<String, Double> predicted = new LinkedHashMap<>();
    final boolean[][] gone = Choice.of(scope, pattern, costs, weights, sparsity);
    for (int t = 0; t < gone.length; t++) {
      double sum = 0;
      for (int i = 0; i < gone[t].length; i++) {
        sum += gone[t][i] ? costs[t][i] : 0;
      }
      predicted.put(weights.names().get(t), sum);
      weights.remove(t, gone[t]);
    }
    weights.write(state.weights());
    return new StepLog.Event(
        number, weights.sparsity(), OptionalDouble.of(loss), OptionalDouble.empty(), predicted);
  }

  /** {@code 1/2 w^2 (lambda + sum g^2 / m)}. */
  private double[] costs(float[] w, double[] squares) {
    final double[] costs = new double[w.length];
    for (int i = 0; i < costs.length; i++) {
      costs[i] = (double) w[i] * w[i] * (dampening + squares[i] / gradients) / 2;
    }
    return costs;
  }

  /** Adds up squared gradients of the task loss without dropout; returns the mean loss. */
  private double sample(
      List<String> names, double[][] squares, int number, CompressionState state) {
    final Map<String, double[]> sums = new LinkedHashMap<>();
    for (int t = 0; t < squares.length; t++) {
      sums.put(names.get(t), squares[t]);
    }
    final GradientSink sink =
        new GradientSink() {
          @Override
          public boolean wants(String parameter) {
            return sums.containsKey(parameter);
          }

          @Override
          public void accept(String parameter, INDArray gradient) {
            addSquares(Floats.of(gradient), sums.get(parameter));
          }
        };
    final List<LabelledBatch> batches =
        // those of oBERT's first matrix, to be compared with
        new EmpiricalFisher.Sample(
                gradients, batch, state.seed("gradients", "event " + number + "/1"))
            .batches(state.resources().train());
    double sum = 0;
    try (var bar =
        state.resources().progress().start("Sampling gradients", batches.size(), "gradients")) {
      for (LabelledBatch labelled : batches) {
        sum +=
            state
                .resources()
                .model()
                .gradients(
                    labelled.batch(),
                    TaskLoss.of(
                        state.resources().task().requireHead().kind(),
                        labelled.labels(),
                        labelled.targets()),
                    Regularization.NONE,
                    sink);
        bar.advance(1);
      }
    }
    return sum / batches.size();
  }

  private static void addSquares(Floats gradient, double[] sums) {
    final float[] tile = new float[1 << 14];
    for (int from = 0; from < sums.length; from += tile.length) {
      final int n = Math.min(tile.length, sums.length - from);
      gradient.read(from, tile, 0, n);
      for (int i = 0; i < n; i++) {
        sums[from + i] += (double) tile[i] * tile[i];
      }
    }
  }
}
