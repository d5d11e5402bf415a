package dev.bantam.binarization;

import dev.bantam.compression.BinaryTensor;
import dev.bantam.model.LinearOperator;
import dev.bantam.tensor.BitMatrix;
import dev.bantam.tensor.BitProduct;
import dev.bantam.tensor.BitRows;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.CodeSet;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import java.util.Locale;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A linear layer of packed codes, for inference: products read the weight as bits, inputs are coded
 * and packed row by row, and products count bits. Gives the bits of {@link QuantizedLinear} with
 * the same codes and scales. In a model that was opened from a file the restored float weight
 * exists beside the bits; it is not read by products.
 */
final class PackedLinear implements LinearOperator {
  /** Rows that are coded at a time. */
  private static final int ROWS = 256;

  /** Outputs of a block of the result. */
  private static final int COLUMNS = 128;

  private final BitMatrix weight;
  private final float[] scales;
  private final float[] sums;
  private final InputCoder input;
  private final CodeSet set;

  /**
   * @param weight bits of the codes
   * @param scales one for each output
   * @param input how rows are coded
   */
  PackedLinear(BitMatrix weight, float[] scales, InputCoder input) {
    this.weight = weight;
    this.scales = scales.clone();
    this.sums = new float[weight.outputs()];
    for (int r = 0; r < sums.length; r++) {
      sums[r] = weight.sum(r);
    }
    this.input = input;
    this.set = set(input.codes());
  }

  private static CodeSet set(InputCoder.Codes codes) {
    return switch (codes.kind()) {
      case SIGNS -> CodeSet.SIGNS;
      case TERNARY -> CodeSet.TERNARY;
      case UNSIGNED -> CodeSet.unsigned(codes.bits());
      case SIGNED -> CodeSet.signed(codes.bits());
    };
  }

  /** From what a file holds of signs; no float weight is made. */
  static PackedLinear of(BinaryTensor signs, InputCoder input) {
    final int outputs = signs.groups().rows();
    final int inputs = signs.groups().columns();
    final byte[] packed = signs.packedSigns();
    final int stride = packed.length / outputs;
    final BitMatrix bits = new BitMatrix(CodeSet.SIGNS, outputs, inputs);
    final float[] scales = new float[outputs];
    final float[] stored = signs.scales();
    for (int r = 0; r < outputs; r++) {
      final int from = r * stride;
      bits.set(r, c -> (packed[from + c / Byte.SIZE] >>> c % Byte.SIZE & 1) * 2 - 1);
      scales[r] = stored[signs.groups().at(r, 0)];
    }
    return new PackedLinear(bits, scales, input);
  }

  /**
   * From a weight of which every row is -a and a, or -a, 0 and a.
   *
   * @param weight [outputs, inputs]
   * @param ternary whether zeros are codes of their own; otherwise they have the sign of their bit
   * @throws IllegalArgumentException if a row has other values
   */
  static PackedLinear of(INDArray weight, boolean ternary, InputCoder input) {
    final int outputs = Math.toIntExact(weight.size(0));
    final int inputs = Math.toIntExact(weight.size(1));
    final Floats values = Floats.of(weight);
    final BitMatrix bits =
        new BitMatrix(ternary ? CodeSet.TERNARY : CodeSet.SIGNS, outputs, inputs);
    final float[] scales = new float[outputs];
    final float[] row = new float[inputs];
    for (int r = 0; r < outputs; r++) {
      values.read(r * inputs, row, 0, inputs);
      scales[r] = scale(row, ternary, r);
      bits.set(r, c -> ternary ? (int) Math.signum(row[c]) : (int) Signs.of(row[c]));
    }
    return new PackedLinear(bits, scales, input);
  }

  private static float scale(float[] row, boolean ternary, int number) {
    float scale = 0f;
    for (float w : row) {
      scale = Math.max(scale, Math.abs(w));
    }
    for (float w : row) {
      if (Math.abs(w) != scale && !(ternary && w == 0f)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "row %d of the weight holds %s and %s, and codes of one scale were expected",
                number,
                w,
                scale));
      }
    }
    return scale;
  }

  @Override
  public int inputs() {
    return weight.inputs();
  }

  @Override
  public int outputs() {
    return weight.outputs();
  }

  @Override
  public void forward(Matrix x, int rows, Matrix y, int from, int to) {
    forward(x, rows, y, from, to, (values, row, n, column, columns) -> {});
  }

  @Override
  public void forward(Matrix x, int rows, Matrix y, int from, int to, Epilogue epilogue) {
    if (from >= to) {
      return;
    }
    final BitRows bits = new BitRows(set, inputs());
    final int most = Math.min(rows, ROWS);
    final float[] tile = new float[most * inputs()];
    final float[] codes = new float[most * inputs()];
    final float[] rowScales = new float[most];
    final int[] dots = new int[most * COLUMNS];
    final float[] values = new float[most * COLUMNS];
    final Rescale rescale = new Rescale(rowScales, scales, sums, input.shift());
    for (int first = 0; first < rows; first += ROWS) {
      final int n = Math.min(ROWS, rows - first);
      for (int r = 0; r < n; r++) {
        x.data().read(x.from() + (first + r) * x.stride(), tile, r * inputs(), inputs());
      }
      input.encode(tile, n, inputs(), codes, rowScales);
      bits.pack(codes, n);
      for (int column = from; column < to; column += COLUMNS) {
        final int columns = Math.min(COLUMNS, to - column);
        BitProduct.ofThread().run(bits, weight, column, column + columns, dots);
        for (int i = 0; i < n * columns; i++) {
          values[i] = dots[i];
        }
        rescale.apply(values, 0, n, column, columns);
        epilogue.apply(values, first, n, column, columns);
        for (int r = 0; r < n; r++) {
          final int at = y.from() + (first + r) * y.stride() + column;
          y.data().write(at, values, r * columns, columns);
        }
      }
    }
  }

  @Override
  public void backwardInput(
      Matrix x, Matrix dy, int rows, Matrix dx, int from, int to, float beta, double[][] own) {
    throw inferenceOnly();
  }

  @Override
  public void backwardWeight(
      Matrix x, Matrix dy, int rows, Floats gradient, int from, int to, double[][] own) {
    throw inferenceOnly();
  }

  static UnsupportedOperationException inferenceOnly() {
    return new UnsupportedOperationException(
        "A binarized model is for inference. Train it in its own 'binarize' step, and put steps that"
            + " need gradients before it.");
  }

  /** The codes as they lie in memory, a bit for each plane, and the scales. */
  @Override
  public long storedBytes() {
    return (long) weight.outputs()
            * weight.set().planes()
            * BitRows.words(weight.inputs())
            * Long.BYTES
        + Float.BYTES * (long) scales.length;
  }

  static {
    if (COLUMNS % Kernels.BIT_PANEL != 0) {
      throw new AssertionError("Blocks are made of panels");
    }
  }
}
