package dev.bantam.binarization;

import dev.bantam.model.LinearOperator;
import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.PackedProduct;
import dev.bantam.tensor.PackedWeight;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A linear layer of coded weights and coded inputs in training: the weight is a latent float
 * tensor, coded anew for each pass, and gradients pass as the coders say.
 *
 * <p>The product is one of whole numbers, exact in float; scales are multiplied in behind it
 * ({@link Rescale}). So it gives the same bits as a product of packed bits.
 */
final class QuantizedLinear implements LinearOperator, AutoCloseable {
  /** Rows that are coded at a time. */
  private static final int ROWS = 256;

  private final Floats weight;
  private final WeightCoder coder;
  private final Optional<InputCoder> input;
  private final int outputs;
  private final int inputs;
  private final Floats coded;
  private final PackedWeight transposed;
  private final float[] scales;
  private final float[] sums;
  private double[] whole = WeightCoder.NOTHING;
  private volatile PackedWeight plain;

  /**
   * @param weight latent, [outputs, inputs]; kept and not copied
   * @param input how rows are coded; empty to leave them as they are
   */
  QuantizedLinear(INDArray weight, WeightCoder coder, Optional<InputCoder> input) {
    this.weight = Floats.of(weight);
    this.coder = coder;
    this.input = input;
    this.outputs = Math.toIntExact(weight.size(0));
    this.inputs = Math.toIntExact(weight.size(1));
    this.coded = Floats.zeros(outputs, inputs);
    this.transposed = new PackedWeight(inputs, outputs, Kernels.best());
    this.scales = new float[outputs];
    this.sums = new float[outputs];
  }

  @Override
  public int inputs() {
    return inputs;
  }

  @Override
  public int outputs() {
    return outputs;
  }

  @Override
  public Map<String, INDArray> ownParameters() {
    return input.map(InputCoder::parameters).orElse(Map.of());
  }

  @Override
  public double learningRateFactor(String parameter) {
    return input.map(coder -> coder.learningRateFactor(parameter)).orElse(1.0);
  }

  @Override
  public boolean prepares() {
    return true;
  }

  @Override
  public void measure() {
    whole = coder.measure(weight, outputs, inputs);
    input.ifPresent(InputCoder::prepare);
  }

  @Override
  public void prepare(int from, int to, boolean backward) {
    if (backward) {
      allocatePlain();
    }
    final float[] row = new float[inputs];
    final float[] codes = new float[inputs];
    for (int r = from; r < to; r++) {
      weight.read(r * inputs, row, 0, inputs);
      scales[r] = coder.encode(row, inputs, whole, codes);
      sums[r] = sum(codes);
      coded.write(r * inputs, codes, 0, inputs);
    }
    transposed.packTransposed(coded, from, to);
    if (backward) {
      for (int r = from; r < to; r++) {
        coded.read(r * inputs, codes, 0, inputs);
        for (int c = 0; c < inputs; c++) {
          codes[c] *= scales[r];
        }
        coded.write(r * inputs, codes, 0, inputs);
      }
      plain.pack(coded, from, to);
    }
  }

  private synchronized void allocatePlain() {
    if (plain == null) {
      plain = new PackedWeight(outputs, inputs, Kernels.best());
    }
  }

  private static float sum(float[] codes) {
    float sum = 0f; // of whole numbers, exact
    for (float code : codes) {
      sum += code;
    }
    return sum;
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
    for (int row = 0; row < rows; row += ROWS) {
      forward(x, row, Math.min(ROWS, rows - row), y, from, to, epilogue);
    }
  }

  /** Rows {@code first} to {@code first + n}. */
  private void forward(Matrix x, int first, int n, Matrix y, int from, int to, Epilogue epilogue) {
    final float[] rowScales = new float[n];
    final Matrix codes = encode(x, first, n, rowScales);
    final Rescale rescale =
        new Rescale(rowScales, scales, sums, input.map(InputCoder::shift).orElse(0f));
    PackedProduct.ofThread().forget();
    PackedProduct.ofThread()
        .run(
            codes,
            n,
            transposed,
            from,
            to,
            (values, row, rows, column, columns) -> {
              rescale.apply(values, row, rows, column, columns);
              epilogue.apply(values, first + row, rows, column, columns);
              write(values, rows, columns, at(y, first + row, column));
            });
  }

  /** Codes of some rows, or the rows themselves where inputs are not coded. */
  private Matrix encode(Matrix x, int first, int n, float[] rowScales) {
    if (input.isEmpty()) {
      java.util.Arrays.fill(rowScales, 1f);
      return at(x, first, 0);
    }
    final float[] tile = new float[n * inputs];
    final float[] codes = new float[n * inputs];
    read(at(x, first, 0), n, inputs, tile);
    input.get().encode(tile, n, inputs, codes, rowScales);
    final Floats target = ThreadFloats.slot(ThreadFloats.CODES, n * inputs);
    target.write(0, codes, 0, n * inputs);
    return new Matrix(target, 0, inputs);
  }

  @Override
  public void backwardInput(
      Matrix x, Matrix dy, int rows, Matrix dx, int from, int to, float beta, double[][] own) {
    PackedProduct.ofThread()
        .run(
            dy,
            rows,
            requirePlain(),
            from,
            to,
            (values, row, n, column, columns) -> {
              if (input.isPresent()) {
                final float[] block = new float[n * columns];
                read(at(x, row, column), n, columns, block);
                input.get().backward(block, n, column, columns, values, own);
              }
              if (beta != 0) {
                final float[] before = new float[n * columns];
                read(at(dx, row, column), n, columns, before);
                for (int i = 0; i < before.length; i++) {
                  values[i] += beta * before[i];
                }
              }
              write(values, n, columns, at(dx, row, column));
            });
  }

  private PackedWeight requirePlain() {
    if (plain == null) {
      throw new IllegalStateException("The operator was not prepared for a backward");
    }
    return plain;
  }

  @Override
  public void backwardWeight(
      Matrix x, Matrix dy, int rows, Floats gradient, int from, int to, double[][] own) {
    Blas.gemm(
        true,
        false,
        to - from,
        inputs,
        rows,
        1f,
        new Matrix(dy.data(), dy.from() + from, dy.stride()),
        decoded(x, rows),
        0f,
        new Matrix(gradient, from * inputs, inputs));
    final float[] row = new float[inputs];
    final float[] part = new float[inputs];
    for (int r = from; r < to; r++) {
      weight.read(r * inputs, row, 0, inputs);
      gradient.read(r * inputs, part, 0, inputs);
      coder.backward(row, inputs, whole, part);
      gradient.write(r * inputs, part, 0, inputs);
    }
  }

  /** What the codes of all rows stand for. */
  private Matrix decoded(Matrix x, int rows) {
    if (input.isEmpty()) {
      return x;
    }
    final Floats target = ThreadFloats.slot(ThreadFloats.CODES, rows * inputs);
    final float[] tile = new float[Math.min(rows, ROWS) * inputs];
    final float[] codes = new float[tile.length];
    final float[] rowScales = new float[Math.min(rows, ROWS)];
    for (int first = 0; first < rows; first += ROWS) {
      final int n = Math.min(ROWS, rows - first);
      read(at(x, first, 0), n, inputs, tile);
      input.get().encode(tile, n, inputs, codes, rowScales);
      CodedTransform.decode(codes, rowScales, n, inputs, input.get().shift(), codes);
      target.write(first * inputs, codes, 0, n * inputs);
    }
    return new Matrix(target, 0, inputs);
  }

  private static Matrix at(Matrix matrix, int row, int column) {
    return new Matrix(
        matrix.data(), matrix.from() + row * matrix.stride() + column, matrix.stride());
  }

  private static void read(Matrix source, int rows, int columns, float[] tile) {
    for (int r = 0; r < rows; r++) {
      source.data().read(source.from() + r * source.stride(), tile, r * columns, columns);
    }
  }

  private static void write(float[] tile, int rows, int columns, Matrix target) {
    for (int r = 0; r < rows; r++) {
      target.data().write(target.from() + r * target.stride(), tile, r * columns, columns);
    }
  }

  /** Frees the codes; the operator must not be part of a model any more. */
  @Override
  public void close() {
    coded.close();
  }

  /** One bit, or five codes a byte, for each weight, and the scales. */
  @Override
  public long storedBytes() {
    final long row = coder.levels() == 2 ? (inputs + 7) / 8 : (inputs + 4) / 5;
    return outputs * row + (coder.oneScale() ? 4L : 4L * outputs);
  }
}
