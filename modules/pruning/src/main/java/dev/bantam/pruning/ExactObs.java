package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.LayerHessian;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.compression.StepFactory;
import dev.bantam.data.LabelledBatch;
import dev.bantam.pruning.Calibration.Inputs;
import dev.bantam.tensor.BantamException;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * ExactOBS, the pruning half of the Optimal Brain Compressor (Frantar et al. 2022), see {@link
 * ExactObsMatrix}.
 *
 * @param dampening share of the mean diagonal element of H that is added to the diagonal
 */
record ExactObs(double dampening) implements LayerMethod {
  /** How much longer a downdate takes than as many operations of a matrix product. */
  private static final double SLOWER = 25;

  /** Reads {@code prune: {method: exactobs, ...}}. */
  public static final class Factory implements StepFactory {
    @Override
    public String step() {
      return "prune";
    }

    @Override
    public String method() {
      return "exactobs";
    }

    @Override
    public Step parse(Settings settings) {
      return Layerwise.read(
          settings, new ExactObs(settings.number("dampening", 0, 10, 0.01)), Inputs.DENSE);
    }
  }

  @Override
  public String method() {
    return "exactobs";
  }

  @Override
  public String describe() {
    return String.format(Locale.ROOT, " with dampening %s", dampening);
  }

  @Override
  public boolean moves() {
    return true;
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> matrices, Pattern pattern) {
    return List.of();
  }

  @Override
  public long heapBytes(List<List<long[]>> shapes) {
    final int threads = Runtime.getRuntime().availableProcessors();
    return Moments.heapBytes(
        shapes, shape -> ExactObsMatrix.heapBytes(shape[0], shape[1], 1, threads));
  }

  /** Rows do not share their downdates. */
  @Override
  public double operations(long rows, long columns) {
    return SLOWER * rows * columns * columns * columns / 3.0;
  }

  @Override
  public Statistics look(
      CompressionState state, Map<String, List<String>> inputs, List<LabelledBatch> batches) {
    final Moments moments = Moments.of(state, inputs, batches);
    return input -> pruner(input, moments.hessian(input, dampening, LayerHessian::dampenedFirst));
  }

  private MatrixPruner pruner(String input, LayerHessian hessian) {
    return (w, kept, rows, pattern, sparsity, workers) -> {
      try {
        new ExactObsMatrix(hessian, pattern.size(), pattern.kept(), pattern.of(), w, kept, workers)
            .write(count(w.length / pattern.size(), sparsity), w, kept);
      } catch (ArithmeticException e) {
        throw BantamException.badInput(
            "The second moments of the input of '"
                + input
                + "' cannot be inverted in float64 while weights go, with 'dampening: "
                + dampening
                + "'. Choose a larger one, or more 'batches'.",
            e);
      }
    };
  }

  private static long count(int groups, double sparsity) {
    return (long) Math.rint(groups * sparsity);
  }
}
