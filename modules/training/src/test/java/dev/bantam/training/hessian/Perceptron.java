package dev.bantam.training.hessian;

import dev.bantam.model.GradientSink;
import dev.bantam.model.Loss;
import dev.bantam.model.Model;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Linear layers {@code 0}, {@code 2}, ... with tanh between them, in double but for the ends. */
final class Perceptron implements Model<float[]> {
  private final Map<String, INDArray> parameters;

  Perceptron(Map<String, INDArray> parameters) {
    this.parameters = parameters;
  }

  @Override
  public Map<String, INDArray> parameters() {
    return parameters;
  }

  private int layers() {
    return parameters.size() / 2;
  }

  private float[] of(int layer, String part) {
    return Floats.toArray(parameters.get(2 * layer + "." + part));
  }

  private List<double[]> activations(float[] x, int rows) {
    final List<double[]> all = new ArrayList<>();
    double[] a = new double[x.length];
    for (int i = 0; i < a.length; i++) {
      a[i] = x[i];
    }
    all.add(a);
    for (int l = 0; l < layers(); l++) {
      final float[] w = of(l, "weight");
      final float[] b = of(l, "bias");
      final int in = a.length / rows;
      final double[] z = new double[rows * b.length];
      for (int r = 0; r < rows; r++) {
        for (int o = 0; o < b.length; o++) {
          double sum = b[o];
          for (int i = 0; i < in; i++) {
            sum += w[o * in + i] * a[r * in + i];
          }
          z[r * b.length + o] = l + 1 < layers() ? Math.tanh(sum) : sum;
        }
      }
      a = z;
      all.add(a);
    }
    return all;
  }

  @Override
  public Outputs outputs(float[] x) {
    throw new UnsupportedOperationException();
  }

  @Override
  public double gradients(float[] x, Loss loss, Regularization none, GradientSink sink) {
    final int rows = (int) (x.length / parameters.get("0.weight").size(1));
    final List<double[]> a = activations(x, rows);
    final int columns = a.get(layers()).length / rows;
    final float[] outputs = new float[rows * columns];
    for (int i = 0; i < outputs.length; i++) {
      outputs[i] = (float) a.get(layers())[i];
    }
    final float[] gradient = new float[outputs.length];
    final double value = loss.apply(outputs, rows, columns, gradient);
    double[] delta = new double[gradient.length];
    for (int i = 0; i < delta.length; i++) {
      delta[i] = gradient[i];
    }
    for (int l = layers() - 1; l >= 0; l--) {
      delta = backward(l, rows, a.get(l), delta, sink);
    }
    return value;
  }

  private double[] backward(int l, int rows, double[] in, double[] delta, GradientSink sink) {
    final float[] w = of(l, "weight");
    final int n = in.length / rows;
    final int m = delta.length / rows;
    final float[] dw = new float[m * n];
    final float[] db = new float[m];
    final double[] back = new double[in.length];
    for (int o = 0; o < m; o++) {
      for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int r = 0; r < rows; r++) {
          sum += delta[r * m + o] * in[r * n + i];
          back[r * n + i] += delta[r * m + o] * w[o * n + i] * (1 - in[r * n + i] * in[r * n + i]);
        }
        dw[o * n + i] = (float) sum;
      }
      double sum = 0;
      for (int r = 0; r < rows; r++) {
        sum += delta[r * m + o];
      }
      db[o] = (float) sum;
    }
    give(2 * l + ".weight", dw, sink);
    give(2 * l + ".bias", db, sink);
    return back;
  }

  private void give(String name, float[] gradient, GradientSink sink) {
    if (sink.wants(name)) {
      sink.accept(name, Floats.tensor(gradient, parameters.get(name).shape()));
    }
  }

  @Override
  public void linearInputs(float[] x, Collection<String> weights, InputSink sink) {
    throw new UnsupportedOperationException();
  }
}
