package dev.bantam.model;

import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A plain float32 weight [outputs, inputs]; sees changes of the tensor at once. */
public final class DenseLinear implements LinearOperator {
  private final Floats weight;
  private final int outputs;
  private final int inputs;

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
  public void forward(Matrix x, int rows, Matrix y, int from, int to) {
    Blas.gemm(
        false,
        true,
        rows,
        to - from,
        inputs,
        1f,
        x,
        new Matrix(weight, from * inputs, inputs),
        0f,
        new Matrix(y.data(), y.from() + from, y.stride()));
  }

  @Override
  public void backwardInput(
      Matrix x, Matrix dy, int rows, Matrix dx, int from, int to, float beta, double[][] own) {
    Blas.gemm(
        false,
        false,
        rows,
        to - from,
        outputs,
        1f,
        dy,
        new Matrix(weight, from, inputs),
        beta,
        new Matrix(dx.data(), dx.from() + from, dx.stride()));
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
