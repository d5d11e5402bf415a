package dev.bantam.binarization;

import dev.bantam.model.LinearOperator;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.Map;

/** Runs an operator outside of a model, in two column panels. */
final class Operators {
  private Operators() {}

  /** {@code Y + bias}, [rows, outputs]. */
  static float[] forward(LinearOperator operator, float[] x, int rows, float[] bias) {
    operator.measure();
    operator.prepare(0, operator.outputs(), true);
    final int o = operator.outputs();
    final Floats y = Floats.zeros(rows, o);
    operator.forward(
        matrix(x, rows, operator.inputs()),
        rows,
        new Matrix(y, 0, o),
        0,
        o,
        (values, row, n, column, columns) -> {
          for (int i = 0; i < n * columns; i++) {
            values[i] += bias[column + i % columns];
          }
        });
    return Floats.toArray(y.array());
  }

  /** Gradients after {@link #forward}: {@code x}, {@code weight} and the operator's own. */
  static Map<String, float[]> backward(LinearOperator operator, float[] x, int rows, float[] dy) {
    final int k = operator.inputs();
    final double[][] own =
        operator.ownParameters().values().stream()
            .map(p -> new double[(int) p.length()])
            .toArray(double[][]::new);
    final Floats dx = Floats.zeros(rows, k);
    final Floats dw = Floats.zeros(operator.outputs(), k);
    final Matrix xs = matrix(x, rows, k);
    final Matrix dys = matrix(dy, rows, operator.outputs());
    operator.backwardInput(xs, dys, rows, new Matrix(dx, 0, k), 0, k, 0f, own);
    operator.backwardWeight(xs, dys, rows, dw, 0, operator.outputs(), own);
    final Map<String, float[]> gradients = new LinkedHashMap<>();
    gradients.put("x", Floats.toArray(dx.array()));
    gradients.put("weight", Floats.toArray(dw.array()));
    int i = 0;
    for (String name : operator.ownParameters().keySet()) {
      final float[] values = new float[own[i].length];
      for (int j = 0; j < values.length; j++) {
        values[j] = (float) own[i][j];
      }
      gradients.put(name, values);
      i++;
    }
    return gradients;
  }

  private static Matrix matrix(float[] values, int rows, int columns) {
    return new Matrix(Floats.of(Floats.tensor(values, rows, columns)), 0, columns);
  }
}
