package dev.bantam.model;

import dev.bantam.checkpoint.Architecture.PoolerActivation;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import java.util.List;
import java.util.function.Function;

/**
 * From token vectors to one vector a text, or to those of the tokens that a head of tokens reads,
 * and from there to the classifier's outputs; with the backward of both. Small beside the encoder,
 * so it runs on one thread, in double.
 */
final class PooledHead {
  static final String WEIGHT = "classifier.weight";
  static final String BIAS = "classifier.bias";
  static final String POOLER_WEIGHT = "pooler.dense.weight";
  static final String POOLER_BIAS = "pooler.dense.bias";
  private static final int DROP = 6;

  private final Pass pass;
  private final Pooling pooling;
  private final boolean perToken;
  private final int d;
  private final Function<String, Floats> parameters;
  private final LayerWeights.Linear pooler;
  private final SiteHook atInput;
  private final SiteHook atPooled;
  private final PoolerActivation activation;
  private float[] poolerInput;
  private float[] before;
  private float[] clean;

  /**
   * @param perToken whether the head reads tokens and not the pooled vectors
   * @param pooler the matrix of the pooler, or null where the pooling has none
   * @param activation what follows the pooler
   */
  PooledHead(
      Pass pass,
      Pooling pooling,
      boolean perToken,
      int d,
      Function<String, Floats> parameters,
      LayerWeights.Linear pooler,
      PoolerActivation activation) {
    this.pass = pass;
    this.pooling = pooling;
    this.perToken = perToken;
    this.d = d;
    this.parameters = parameters;
    this.pooler = pooler;
    this.activation = activation;
    this.atInput = pass.hooks().at(-1, Kind.POOLER_INPUT);
    this.atPooled = pass.hooks().at(-1, Kind.POOLED);
  }

  private float[] read(String name) {
    final Floats live = parameters.apply(name);
    final float[] values = new float[live.length()];
    live.read(0, values, 0, values.length);
    return values;
  }

  /** Number of vectors that the head reads. */
  int rows() {
    return perToken ? pass.batch().read().length : pass.batch().sequences();
  }

  /** What the head reads, [rows, d], before any dropout. */
  float[] input(Floats hidden) {
    if (!perToken) {
      return pool(hidden);
    }
    final int[] read = pass.batch().read();
    final float[] vectors = new float[read.length * d];
    for (int r = 0; r < read.length; r++) {
      hidden.read(read[r] * d, vectors, r * d, d);
    }
    return vectors;
  }

  /** One vector a sequence, [sequences, d], before any dropout. */
  float[] pool(Floats hidden) {
    final float[] tokens = tokens(hidden);
    clean = pooling == Pooling.POOLER ? throughPooler(tokens) : tokens;
    if (atPooled == null) {
      return clean;
    }
    final float[] pooled = clean.clone();
    atPooled.forward(pooled, pass.batch().sequences(), d, 0);
    return pooled;
  }

  /** What the pooler's matrix saw in {@link #pool}, [sequences, d]. */
  float[] poolerInput() {
    return poolerInput;
  }

  /** Mean of the tokens' vectors, or the first one. */
  private float[] tokens(Floats hidden) {
    final int sequences = pass.batch().sequences();
    final float[] pooled = new float[sequences * d];
    final float[] row = new float[d];
    final double[] sum = new double[d];
    for (int s = 0; s < sequences; s++) {
      final int first = pass.batch().offsets()[s];
      if (pooling != Pooling.MEAN) {
        hidden.read(first * d, pooled, s * d, d);
        continue;
      }
      java.util.Arrays.fill(sum, 0);
      final int n = pass.batch().length(s);
      for (int t = 0; t < n; t++) {
        hidden.read((first + t) * d, row, 0, d);
        for (int i = 0; i < d; i++) {
          sum[i] += row[i];
        }
      }
      for (int i = 0; i < d; i++) {
        pooled[s * d + i] = (float) (sum[i] / n);
      }
    }
    return pooled;
  }

  private float[] throughPooler(float[] first) {
    final int sequences = pass.batch().sequences();
    if (atInput != null) {
      atInput.forward(first, sequences, d, 0);
    }
    poolerInput = first;
    final Floats x = Floats.of(Floats.tensor(first, sequences, d));
    final Floats y = Floats.zeros(sequences, d);
    pooler.operator().forward(new Matrix(x, 0, d), sequences, new Matrix(y, 0, d), 0, d);
    final float[] values = Floats.toArray(y.array());
    pass.kernels().addBias(values, sequences, d, read(POOLER_BIAS), 0);
    x.close();
    y.close();
    before = values.clone();
    activate(values);
    return values;
  }

  private void activate(float[] values) {
    switch (activation) {
      case TANH -> {
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) StrictMath.tanh(values[i]);
        }
      }
      case GELU -> pass.kernels().activate(Kernels.Activation.GELU_ERF, values, values.length);
      case RELU -> pass.kernels().activate(Kernels.Activation.RELU, values, values.length);
    }
  }

  /** From the gradient of the activation's output to that of its input, in place. */
  private void activateBackward(float[] gradient) {
    final int n = gradient.length;
    switch (activation) {
      case TANH -> {
        for (int i = 0; i < n; i++) {
          gradient[i] *= 1f - clean[i] * clean[i];
        }
      }
      case GELU ->
          pass.kernels().activateBackward(Kernels.Activation.GELU_ERF, before, gradient, n);
      case RELU -> pass.kernels().activateBackward(Kernels.Activation.RELU, before, gradient, n);
    }
  }

  /** {@code logits = dropout(x) W^T + b}; drops {@code x}, the {@link #input}, in place. */
  Model.Outputs classify(float[] x) {
    dropout(x);
    final int rows = rows();
    final float[] weight = read(WEIGHT);
    final float[] bias = read(BIAS);
    final int classes = bias.length;
    final float[] logits = new float[rows * classes];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < classes; c++) {
        double sum = bias[c];
        for (int i = 0; i < d; i++) {
          sum += (double) x[r * d + i] * weight[c * d + i];
        }
        logits[r * classes + c] = (float) sum;
      }
    }
    return new Model.Outputs(logits, rows, classes);
  }

  private void dropout(float[] values) {
    if (pass.dropout().active()) {
      pass.kernels()
          .dropout(values, values.length, pass.dropout().at(-1, DROP), 0, pass.dropout().rate());
    }
  }

  /**
   * Gradients of the head.
   *
   * @param gradient derivative with respect to the logits
   * @param dropped the classifier's input as {@link #classify} left it
   * @return derivative with respect to the {@link #input}, [rows, d]
   */
  float[] classifierBackward(float[] gradient, float[] dropped, GradientStore gradients) {
    final int rows = rows();
    final float[] weight = read(WEIGHT);
    final int classes = weight.length / d;
    gradients.vector(WEIGHT, () -> outerSum(gradient, dropped, rows, classes));
    gradients.vector(BIAS, () -> columnSum(gradient, rows, classes));
    final float[] dPooled = new float[rows * d];
    for (int s = 0; s < rows; s++) {
      for (int i = 0; i < d; i++) {
        double sum = 0;
        for (int c = 0; c < classes; c++) {
          sum += (double) gradient[s * classes + c] * weight[c * d + i];
        }
        dPooled[s * d + i] = (float) sum;
      }
    }
    dropout(dPooled);
    return dPooled;
  }

  /**
   * Gradients of the pooler, and the gradient of the last hidden states into {@code stream}.
   *
   * @param dPooled derivative with respect to the {@link #input}; changed
   */
  void backward(float[] dPooled, Floats stream, GradientStore gradients) {
    if (perToken) {
      scatter(dPooled, stream);
      return;
    }
    final int sequences = pass.batch().sequences();
    final Scratch scratch = pass.scratch()[0];
    if (atPooled != null) {
      atPooled.backward(dPooled, sequences, d, 0, 0, scratch);
    }
    float[] dTokens = dPooled;
    if (pooling == Pooling.POOLER) {
      dTokens = poolerBackward(dPooled, gradients);
      if (atInput != null) {
        atInput.backward(dTokens, sequences, d, 0, 0, scratch);
      }
    }
    pass.hooks().send(site -> site.kind().perSequence(), gradients);
    spread(dTokens, stream);
  }

  private float[] poolerBackward(float[] dPooled, GradientStore gradients) {
    final int sequences = pass.batch().sequences();
    activateBackward(dPooled);
    gradients.vector(POOLER_BIAS, () -> columnSum(dPooled, sequences, d));
    final WeightGradients weights = new WeightGradients(pass, gradients);
    final OwnGradients own = weights.own(pooler);
    final Floats x = Floats.of(Floats.tensor(poolerInput, sequences, d));
    final Floats dy = Floats.of(Floats.tensor(dPooled, sequences, d));
    final Floats dx = Floats.zeros(sequences, d);
    pooler
        .operator()
        .backwardInput(
            new Matrix(x, 0, d),
            new Matrix(dy, 0, d),
            sequences,
            new Matrix(dx, 0, d),
            0,
            d,
            0f,
            own.of(0));
    weights.run(List.of(new WeightGradients.Product(pooler, own, x, dy, d, 0, sequences)));
    final float[] result = Floats.toArray(dx.array());
    x.close();
    dy.close();
    dx.close();
    return result;
  }

  /** {@code sum over s of dy[s]^T x[s]}, [columns, d]. */
  private float[] outerSum(float[] dy, float[] x, int sequences, int columns) {
    final Floats a = Floats.of(Floats.tensor(dy, sequences, columns));
    final Floats b = Floats.of(Floats.tensor(x, sequences, d));
    final Floats c = Floats.zeros(columns, d);
    Blas.gemm(
        true,
        false,
        columns,
        d,
        sequences,
        1f,
        new Matrix(a, 0, columns),
        new Matrix(b, 0, d),
        0f,
        new Matrix(c, 0, d));
    final float[] result = Floats.toArray(c.array());
    a.close();
    b.close();
    c.close();
    return result;
  }

  private static float[] columnSum(float[] x, int rows, int columns) {
    final float[] sum = new float[columns];
    for (int c = 0; c < columns; c++) {
      double total = 0;
      for (int r = 0; r < rows; r++) {
        total += x[r * columns + c];
      }
      sum[c] = (float) total;
    }
    return sum;
  }

  private void scatter(float[] gradient, Floats stream) {
    final int[] read = pass.batch().read();
    final float[] none = new float[d];
    int r = 0;
    for (int token = 0; token < pass.batch().tokens(); token++) {
      if (r < read.length && read[r] == token) {
        stream.write(token * d, gradient, r * d, d);
        r++;
      } else {
        stream.write(token * d, none, 0, d);
      }
    }
  }

  private void spread(float[] dPooled, Floats stream) {
    final float[] row = new float[d];
    for (int s = 0; s < pass.batch().sequences(); s++) {
      final int first = pass.batch().offsets()[s];
      final int n = pass.batch().length(s);
      for (int t = 0; t < n; t++) {
        for (int i = 0; i < d; i++) {
          row[i] =
              pooling == Pooling.MEAN ? dPooled[s * d + i] / n : t == 0 ? dPooled[s * d + i] : 0f;
        }
        stream.write((first + t) * d, row, 0, d);
      }
    }
  }
}
