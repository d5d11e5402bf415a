package dev.bantam.model;

import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Smooth attachments with trainable parameters, one of each kind, for tests of the contract. */
final class SampleAttachments {
  private SampleAttachments() {}

  /** {@code y = s x + t x^2}, with s and t trained. */
  static final class Bend implements ActivationTransform {
    private final INDArray s = Floats.tensor(new float[] {0.95f}, 1);
    private final INDArray t = Floats.tensor(new float[] {0.03f}, 1);
    private float slope;
    private float bend;

    @Override
    public Map<String, INDArray> parameters() {
      final Map<String, INDArray> map = new LinkedHashMap<>();
      map.put("slope", s);
      map.put("bend", t);
      return map;
    }

    @Override
    public double learningRateFactor(String parameter) {
      return parameter.equals("slope") ? 3 : 1;
    }

    @Override
    public void prepare() {
      slope = Floats.toArray(s)[0];
      bend = Floats.toArray(t)[0];
    }

    @Override
    public void forward(Tile tile) {
      for (int i = 0; i < tile.length(); i++) {
        final float x = tile.values()[i];
        tile.values()[i] = slope * x + bend * x * x;
      }
    }

    @Override
    public void backward(Tile input, float[] gradient, double[][] parameterGradients) {
      for (int i = 0; i < input.length(); i++) {
        final float x = input.values()[i];
        parameterGradients[0][0] += (double) gradient[i] * x;
        parameterGradients[1][0] += (double) gradient[i] * x * x;
        gradient[i] *= slope + 2 * bend * x;
      }
    }
  }

  /** Changes nothing. */
  static final class Identity implements ActivationTransform {
    @Override
    public void forward(Tile tile) {}

    @Override
    public void backward(Tile input, float[] gradient, double[][] parameterGradients) {}
  }

  /** {@code Y = (a X) (b W)^T}: one parameter on the way in, one on the weight. */
  static final class Scaled implements LinearOperator {
    private final DenseLinear product;
    private final INDArray a = Floats.tensor(new float[] {1.1f}, 1);
    private final INDArray b = Floats.tensor(new float[] {0.9f}, 1);
    private final Floats weight;
    private float in;
    private float out;

    Scaled(INDArray weight) {
      this.product = new DenseLinear(weight);
      this.weight = Floats.of(weight);
    }

    private float factor() {
      return in * out;
    }

    @Override
    public boolean prepares() {
      return true;
    }

    @Override
    public void prepare(int from, int to, boolean backward) {
      product.prepare(from, to, backward);
      in = Floats.toArray(a)[0];
      out = Floats.toArray(b)[0];
    }

    @Override
    public Map<String, INDArray> ownParameters() {
      final Map<String, INDArray> map = new LinkedHashMap<>();
      map.put("in", a);
      map.put("weight", b);
      return map;
    }

    @Override
    public double learningRateFactor(String parameter) {
      return parameter.equals("in") ? 0.5 : 2;
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
    public void forward(Matrix x, int rows, Matrix y, int from, int to) {
      product.forward(x, rows, y, from, to);
      scale(y, rows, from, to, factor());
    }

    private static void scale(Matrix y, int rows, int from, int to, float factor) {
      final float[] row = new float[to - from];
      for (int r = 0; r < rows; r++) {
        final int at = y.from() + r * y.stride() + from;
        y.data().read(at, row, 0, row.length);
        for (int i = 0; i < row.length; i++) {
          row[i] *= factor;
        }
        y.data().write(at, row, 0, row.length);
      }
    }

    @Override
    public void backwardInput(
        Matrix x, Matrix dy, int rows, Matrix dx, int from, int to, float beta, double[][] own) {
      final Floats fresh = Floats.zeros(rows, inputs());
      final Matrix target = new Matrix(fresh, 0, inputs());
      product.backwardInput(x, dy, rows, target, from, to, 0f, own);
      final float[] g = new float[to - from];
      final float[] v = new float[to - from];
      for (int r = 0; r < rows; r++) {
        fresh.read(r * inputs() + from, g, 0, g.length);
        x.data().read(x.from() + r * x.stride() + from, v, 0, v.length);
        for (int i = 0; i < g.length; i++) {
          own[0][0] += (double) g[i] * v[i] * out;
          g[i] *= factor();
        }
        final int at = dx.from() + r * dx.stride() + from;
        dx.data().read(at, v, 0, v.length);
        for (int i = 0; i < g.length; i++) {
          v[i] = beta * v[i] + g[i];
        }
        dx.data().write(at, v, 0, v.length);
      }
      fresh.close();
    }

    @Override
    public void backwardWeight(
        Matrix x, Matrix dy, int rows, Floats gradient, int from, int to, double[][] own) {
      product.backwardWeight(x, dy, rows, gradient, from, to, own);
      final int n = (to - from) * inputs();
      final float[] g = new float[n];
      final float[] w = new float[n];
      gradient.read(from * inputs(), g, 0, n);
      weight.read(from * inputs(), w, 0, n);
      for (int i = 0; i < n; i++) {
        own[1][0] += (double) g[i] * w[i] * in;
        g[i] *= factor();
      }
      gradient.write(from * inputs(), g, 0, n);
    }

    @Override
    public long storedBytes() {
      return product.storedBytes() + 8;
    }
  }

  /**
   * Softmax attention whose heads are multiplied with {@code pi = sigmoid(x w_h + b_h)} of the
   * layer's whole input (Bondarenko et al. 2023, the all-heads-linear gate).
   */
  static final class Gated implements AttentionStrategy {
    private final int heads;
    private final int d;
    private final INDArray weight;
    private final INDArray bias;
    private float[] w;
    private float[] b;

    Gated(int heads, int d) {
      this.heads = heads;
      this.d = d;
      final float[] values = new float[heads * d];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (0.2 * Math.sin(1 + i));
      }
      weight = Floats.tensor(values, heads, d);
      bias = Floats.tensor(new float[heads], heads);
    }

    @Override
    public Map<String, INDArray> parameters() {
      final Map<String, INDArray> map = new LinkedHashMap<>();
      map.put("gate.weight", weight);
      map.put("gate.bias", bias);
      return map;
    }

    @Override
    public void prepare() {
      w = Floats.toArray(weight);
      b = Floats.toArray(bias);
    }

    @Override
    public int tokenColumns(int all) {
      return heads;
    }

    @Override
    public void prepareRows(Tile input, float[] numbers) {
      for (int r = 0; r < input.rows(); r++) {
        for (int h = 0; h < heads; h++) {
          double sum = b[h];
          for (int c = 0; c < d; c++) {
            sum += (double) w[h * d + c] * input.values()[r * d + c];
          }
          numbers[r * heads + h] = (float) (1 / (1 + Math.exp(-sum)));
        }
      }
    }

    @Override
    public void prepareRowsBackward(
        Tile input,
        float[] numbers,
        float[] numbersGradient,
        float[] inputGradient,
        double[][] own) {
      for (int r = 0; r < input.rows(); r++) {
        for (int h = 0; h < heads; h++) {
          final float pi = numbers[r * heads + h];
          final double g = numbersGradient[r * heads + h] * pi * (1 - pi);
          own[1][h] += g;
          for (int c = 0; c < d; c++) {
            own[0][h * d + c] += g * input.values()[r * d + c];
            inputGradient[r * d + c] += (float) (g * w[h * d + c]);
          }
        }
      }
    }

    @Override
    public void forward(AttentionHead head) {
      SoftmaxAttention.INSTANCE.forward(head);
      multiply(head.context(), head, head.tokenColumn(head.head()));
    }

    private static void multiply(Matrix rows, AttentionHead head, float[] gate) {
      final float[] row = new float[head.size()];
      for (int t = 0; t < head.length(); t++) {
        rows.data().read(rows.from() + t * rows.stride(), row, 0, row.length);
        for (int i = 0; i < row.length; i++) {
          row[i] *= gate[t];
        }
        rows.data().write(rows.from() + t * rows.stride(), row, 0, row.length);
      }
    }

    @Override
    public void backward(AttentionHead head) {
      final float[] gate = head.tokenColumn(head.head());
      final float[] dGate = new float[head.length()];
      final float[] c = new float[head.size()];
      final float[] g = new float[head.size()];
      final Matrix context = head.context();
      final Matrix gradient = head.contextGradient();
      for (int t = 0; t < head.length(); t++) {
        context.data().read(context.from() + t * context.stride(), c, 0, c.length);
        gradient.data().read(gradient.from() + t * gradient.stride(), g, 0, g.length);
        double sum = 0;
        for (int i = 0; i < c.length; i++) {
          sum += (double) c[i] * g[i];
        }
        dGate[t] = (float) (sum / gate[t]);
      }
      head.tokenColumnGradient(head.head(), dGate);
      multiply(gradient, head, gate);
      SoftmaxAttention.INSTANCE.backward(head);
    }
  }

  /** Puts everything on a model: a transform at every site, operators, gates. */
  static void everywhere(EncoderModel model) {
    for (Site site : model.sites()) {
      model.attach(site.toString(), new Bend());
    }
    for (String name : model.parameters().keySet()) {
      if (EncoderPass.isLinear(name)) {
        model.setOperator(name, new Scaled(model.parameters().get(name)));
      }
    }
    for (int i = 0; i < model.architecture().layers().size(); i++) {
      model.setAttention(
          i,
          new Gated(
              model.architecture().layers().get(i).heads(), model.architecture().hiddenSize()));
    }
  }
}
