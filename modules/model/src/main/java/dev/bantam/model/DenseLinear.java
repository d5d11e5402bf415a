package dev.bantam.model;

import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.PackedProduct;
import dev.bantam.tensor.PackedWeight;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A plain float32 weight [outputs, inputs]. Products use a packed copy of it, taken by {@link
 * #prepare}.
 */
public final class DenseLinear implements LinearOperator {
  private final Floats weight;
  private final int outputs;
  private final int inputs;
  private volatile PackedWeight transposed;
  private volatile PackedWeight plain;

  public DenseLinear(INDArray weight) {
    if (weight.rank() != 2) {
      throw new IllegalArgumentException("A weight has two dimensions, not " + weight.rank());
    }
    this.weight = Floats.of(weight);
    this.outputs = (int) weight.size(0);
    this.inputs = (int) weight.size(1);
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
  public boolean prepares() {
    return true;
  }

  @Override
  public void prepare(int from, int to, boolean backward) {
    allocate(backward);
    transposed.packTransposed(weight, from, to);
    if (backward) {
      plain.pack(weight, from, to);
    }
  }

  private synchronized void allocate(boolean backward) {
    if (transposed == null) {
      transposed = new PackedWeight(inputs, outputs, Kernels.best());
    }
    if (backward && plain == null) {
      plain = new PackedWeight(outputs, inputs, Kernels.best());
    }
  }

  private static PackedWeight prepared(PackedWeight packed) {
    if (packed == null) {
      throw new IllegalStateException(
          "The operator was not prepared for this product; a pass of a model prepares those that it"
              + " uses, operators that wrap another one have to pass 'prepare' on");
    }
    return packed;
  }

  @Override
  public void forward(Matrix x, int rows, Matrix y, int from, int to) {
    forward(x, rows, y, from, to, (values, row, n, column, columns) -> {});
  }

  @Override
  public void forward(Matrix x, int rows, Matrix y, int from, int to, Epilogue epilogue) {
    PackedProduct.ofThread()
        .run(
            x,
            rows,
            prepared(transposed),
            from,
            to,
            (values, row, n, column, columns) -> {
              epilogue.apply(values, row, n, column, columns);
              Scratch.write(at(y, row, column), n, columns, values);
            });
  }

  private static Matrix at(Matrix matrix, int row, int column) {
    return new Matrix(
        matrix.data(), matrix.from() + row * matrix.stride() + column, matrix.stride());
  }

  @Override
  public void backwardInput(
      Matrix x, Matrix dy, int rows, Matrix dx, int from, int to, float beta, double[][] own) {
    PackedProduct.ofThread()
        .run(
            dy,
            rows,
            prepared(plain),
            from,
            to,
            (values, row, n, column, columns) -> {
              final Matrix target = at(dx, row, column);
              if (beta != 0) {
                addScaled(values, n, columns, target, beta);
              }
              Scratch.write(target, n, columns, values);
            });
  }

  private static void addScaled(float[] values, int rows, int columns, Matrix source, float beta) {
    final float[] line = new float[columns];
    for (int r = 0; r < rows; r++) {
      source.data().read(source.from() + r * source.stride(), line, 0, columns);
      for (int c = 0; c < columns; c++) {
        values[r * columns + c] += beta * line[c];
      }
    }
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
        x,
        0f,
        new Matrix(gradient, from * inputs, inputs));
  }

  @Override
  public long storedBytes() {
    return 4L * outputs * inputs;
  }
}
