package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.LayerHessian;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.compression.StepFactory;
import dev.bantam.data.LabelledBatch;
import dev.bantam.pruning.Calibration.Inputs;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * SparseGPT (Frantar and Alistarh 2023), see {@link SparseGptMatrix}.
 *
 * @param block columns whose weights are chosen together
 * @param dampening share of the mean diagonal element of H that is added to the diagonal
 */
record SparseGpt(int block, double dampening) implements LayerMethod {
  /** Reads {@code prune: {method: sparsegpt, ...}}. */
  public static final class Factory implements StepFactory {
    @Override
    public String step() {
      return "prune";
    }

    @Override
    public String method() {
      return "sparsegpt";
    }

    @Override
    public Step parse(Settings settings) {
      return Layerwise.read(
          settings,
          new SparseGpt(
              settings.integer("block", 1, 1 << 20, 128),
              settings.number("dampening", 0, 10, 0.01)),
          Inputs.PRUNED);
    }
  }

  @Override
  public String method() {
    return "sparsegpt";
  }

  @Override
  public String describe() {
    return String.format(Locale.ROOT, " in blocks of %d, dampening %s", block, dampening);
  }

  @Override
  public boolean moves() {
    return true;
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> matrices, Pattern pattern) {
    final List<StepProblem> problems = new ArrayList<>(pattern.refuseBlocks(method()));
    if (pattern.isFixed() && block % pattern.of() != 0) {
      problems.add(
          new StepProblem(
              "block",
              String.format(
                  Locale.ROOT,
                  "blocks of %d columns cut groups of %d apart. Choose a multiple of %d.",
                  block,
                  pattern.of(),
                  pattern.of())));
    }
    return problems;
  }

  @Override
  public long heapBytes(List<List<long[]>> shapes) {
    return Moments.heapBytes(
        shapes,
        shape -> SparseGptMatrix.heapBytes(shape[0], shape[1], block) + shape[0] * shape[1]);
  }

  @Override
  public Statistics look(
      CompressionState state, Map<String, List<String>> inputs, List<LabelledBatch> batches) {
    final Moments moments = Moments.of(state, inputs, batches);
    return input ->
        pruner(moments.hessian(input, dampening, (h, d) -> LayerHessian.of(h, d, false)));
  }

  private MatrixPruner pruner(LayerHessian hessian) {
    return (w, kept, rows, pattern, sparsity, workers) -> {
      final SparseGptMatrix matrix = new SparseGptMatrix(hessian, block, w, kept, workers);
      if (pattern.isFixed()) {
        matrix.prune(pattern.kept(), pattern.of());
      } else {
        final long count = (long) Math.rint(w.length * sparsity);
        matrix.prune(SparseGptMatrix.counts(rows, hessian.size(), block, count));
      }
      matrix.write(w, kept);
    };
  }
}
