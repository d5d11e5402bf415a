package dev.bantam.mixedprecision;

import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Groups;
import dev.bantam.mixedprecision.WeightFormat.Range;
import dev.bantam.mixedprecision.WeightFormat.Scheme;
import dev.bantam.model.DenseLinear;
import dev.bantam.model.LinearOperator;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A weight that is trained in float32 while the products see what its codes restore to: {@code Y =
 * X Q(W)^T}.
 *
 * <p>Ranges are found anew from the weights by {@link #fit}; the gradient of a restored weight is
 * then that of the weight itself, clipped ones included, so that they can come back (the
 * straight-through estimator of Q-BERT). With {@link Range#LSQ} the scales, and with {@link
 * Scheme#OFFSET} the offsets, are trained too, by {@link StepGradients}; what is trained of a scale
 * is its logarithm, which keeps it positive and its steps relative. Scales are rounded to the type
 * they are stored in, straight through.
 *
 * <p>The arithmetic is that of the stored codes: {@link #codes} restores to exactly what the last
 * pass multiplied with.
 */
final class FakeQuantizedLinear implements LinearOperator, AutoCloseable {
  /** Name of the trained logarithms of scales, by group. */
  static final String LOG_STEP = "log-step";

  /** Name of the trained offsets, by group. */
  static final String OFFSET = "offset";

  /**
   * A logarithm moves by about the rate in an update, so this lets a scale change by a thousandth
   * where weights change by 1e-4.
   */
  private static final double STEP_RATE = 10;

  private final String name;
  private final WeightFormat format;
  private final Groups groups;
  private final Floats weight;
  private final Floats rounded;
  private final DenseLinear product;
  private final boolean[] gone;
  private final GroupGrid[] grids;
  private final Map<String, INDArray> own = new LinkedHashMap<>();

  /**
   * @param weight [outputs, inputs], kept and not copied; the ranges are found from it
   * @param gone elements that are zero for good, [outputs * inputs]; empty for none
   */
  FakeQuantizedLinear(String name, INDArray weight, WeightFormat format, boolean[] gone) {
    this.name = name;
    this.format = format;
    this.weight = Floats.of(weight);
    this.rounded = Floats.zeros(weight.size(0), weight.size(1));
    this.product = new DenseLinear(rounded.array());
    this.groups = format.groups(product.outputs(), product.inputs());
    this.gone = gone;
    this.grids = new GroupGrid[groups.count()];
    fit(0, grids.length);
    if (format.range() == Range.LSQ) {
      trainSteps();
    }
  }

  private void trainSteps() {
    final float[] logs = new float[grids.length];
    final float[] offsets = new float[grids.length];
    for (int g = 0; g < grids.length; g++) {
      logs[g] = (float) StrictMath.log(grids[g].scale());
      offsets[g] = grids[g].offset();
    }
    own.put(LOG_STEP, Floats.tensor(logs, logs.length));
    if (format.scheme() == Scheme.OFFSET) {
      own.put(OFFSET, Floats.tensor(offsets, offsets.length));
    }
    fit(0, grids.length); // from the logarithms, as ever after
  }

  /** Number of groups. */
  int groupCount() {
    return grids.length;
  }

  /**
   * Makes the levels of some groups those of the present weights, or of the trained scales. Calls
   * on different groups may run at the same time; not during a pass.
   */
  void fit(int from, int to) {
    if (own.isEmpty()) {
      final int size = size();
      final GroupFit fit = GroupFit.quick(format);
      final float[] w = new float[size];
      for (int g = from; g < to; g++) {
        weight.read(g * size, w, 0, size);
        grids[g] = fit.fit(w, 0, size);
      }
    } else {
      final float[] log = new float[to - from];
      final float[] offset = new float[to - from];
      Floats.of(own.get(LOG_STEP)).read(from, log, 0, log.length);
      if (own.containsKey(OFFSET)) {
        Floats.of(own.get(OFFSET)).read(from, offset, 0, offset.length);
      }
      for (int g = from; g < to; g++) {
        grids[g] = trained(log[g - from], offset[g - from]);
      }
    }
  }

  private GroupGrid trained(float log, float offset) {
    final ScaleType type = format.scaleType();
    final float exact = type.round((float) StrictMath.exp(log));
    final float scale = exact == 0f ? type.up(0f) : exact;
    return format.scheme() == Scheme.OFFSET
        ? GroupGrid.above(scale, type.round(offset), format.bits())
        : GroupGrid.around(scale, 0, format.bits());
  }

  /** Weights of a group, which are neighbours. */
  private int size() {
    return groups.height() * groups.width();
  }

  /** The codes of the present weights at the present levels. */
  GroupedTensor codes() {
    final float[] w = Floats.toArray(weight.array());
    final byte[] codes = new byte[w.length];
    for (int i = 0; i < w.length; i++) {
      codes[i] = (byte) grids[i / size()].code(w[i]);
    }
    return MatrixQuantizer.tensor(name, groups, format, codes, grids);
  }

  @Override
  public int inputs() {
    return product.inputs();
  }

  @Override
  public int outputs() {
    return product.outputs();
  }

  @Override
  public boolean prepares() {
    return true;
  }

  @Override
  public void prepare(int from, int to, boolean backward) {
    final float[] row = new float[inputs()];
    for (int r = from; r < to; r++) {
      weight.read(r * row.length, row, 0, row.length);
      for (int c = 0; c < row.length; c++) {
        final GroupGrid grid = grids[groups.at(r, c)];
        row[c] = grid.value(grid.code(row[c]));
      }
      rounded.write(r * row.length, row, 0, row.length);
    }
    product.prepare(from, to, backward);
  }

  @Override
  public void forward(Matrix x, int rows, Matrix y, int from, int to) {
    product.forward(x, rows, y, from, to);
  }

  @Override
  public void forward(Matrix x, int rows, Matrix y, int from, int to, Epilogue epilogue) {
    product.forward(x, rows, y, from, to, epilogue);
  }

  @Override
  public void backwardInput(
      Matrix x,
      Matrix dy,
      int rows,
      Matrix dx,
      int from,
      int to,
      float beta,
      double[][] gradients) {
    product.backwardInput(x, dy, rows, dx, from, to, beta, gradients);
  }

  @Override
  public void backwardWeight(
      Matrix x, Matrix dy, int rows, Floats gradient, int from, int to, double[][] gradients) {
    product.backwardWeight(x, dy, rows, gradient, from, to, gradients);
    if (own.isEmpty() && gone.length == 0) {
      return;
    }
    final int columns = inputs();
    final float[] w = new float[columns];
    final float[] g = new float[columns];
    for (int r = from; r < to; r++) {
      gradient.read(r * columns, g, 0, columns);
      if (!own.isEmpty()) {
        weight.read(r * columns, w, 0, columns);
        throughSteps(r, w, g, gradients);
      }
      for (int c = 0; c < columns && gone.length > 0; c++) {
        g[c] = gone[r * columns + c] ? 0f : g[c];
      }
      gradient.write(r * columns, g, 0, columns);
    }
  }

  /** Adds what a row gives to the scales and offsets, and masks its clipped weights. */
  private void throughSteps(int r, float[] w, float[] g, double[][] gradients) {
    for (int c = 0; c < w.length; c++) {
      final int group = groups.at(r, c);
      final GroupGrid grid = grids[group];
      final int n = grid.low() - grid.zero();
      final int p = grid.high() - grid.zero();
      final float v = grid.steps(w[c]);
      gradients[0][group] +=
          g[c] * StepGradients.ofStep(v, n, p) * grid.scale() * StepGradients.scale(size(), p);
      if (own.containsKey(OFFSET)) {
        gradients[1][group] += g[c] * StepGradients.ofOffset(v, n, p);
      }
      if (!StepGradients.inside(v, n, p)) {
        g[c] = 0f;
      }
    }
  }

  @Override
  public Map<String, INDArray> ownParameters() {
    return Collections.unmodifiableMap(own);
  }

  @Override
  public double learningRateFactor(String parameter) {
    return parameter.equals(LOG_STEP) ? STEP_RATE : 1;
  }

  @Override
  public long storedBytes() {
    return format.storedBytes(outputs(), inputs());
  }

  /** Frees the rounded copy and the scales; the operator must not be part of a model any more. */
  @Override
  public void close() {
    rounded.close();
    own.values().forEach(tensor -> Floats.of(tensor).close());
  }
}
