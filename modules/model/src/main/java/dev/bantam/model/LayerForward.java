package dev.bantam.model;

import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import java.util.List;

/**
 * The forward of one post-LN layer (Vaswani et al. 2017; Devlin et al. 2019):
 *
 * <pre>
 * q, k, v = W x + b                        [tokens, width] each
 * c       = softmax(q k^T / sqrt(d_h)) v   per sequence and head
 * a       = LN(W_o c + b_o + x)
 * h       = LN(W_down f(W_up a + b_up) + b_down + a)
 * </pre>
 */
final class LayerForward {
  static final int DROP_PROBABILITIES = 0;
  static final int DROP_ATTENTION = 1;
  static final int DROP_OUTPUT = 2;

  private final Pass pass;
  private final int layer;
  private final LayerWeights weights;
  private final LayerBuffers buffers;
  private final Floats input;
  private final int hiddenSize;
  private final int headSize;
  private final Kernels.Activation activation;
  private final double eps;

  LayerForward(
      Pass pass,
      int layer,
      LayerWeights weights,
      LayerBuffers buffers,
      Floats input,
      EncoderShape shape) {
    this.pass = pass;
    this.layer = layer;
    this.weights = weights;
    this.buffers = buffers;
    this.input = input;
    this.hiddenSize = shape.hiddenSize();
    this.headSize = shape.headSize();
    this.activation = shape.activation();
    this.eps = shape.eps();
  }

  /** What every layer of an encoder shares. */
  record EncoderShape(int hiddenSize, int headSize, Kernels.Activation activation, double eps) {
    static Kernels.Activation kernel(Activation activation) {
      return switch (activation) {
        case GELU_ERF -> Kernels.Activation.GELU_ERF;
        case GELU_TANH -> Kernels.Activation.GELU_TANH;
        case RELU -> Kernels.Activation.RELU;
      };
    }
  }

  List<Stage> stages() {
    return List.of(
        this::project,
        this::attend,
        (shard, part, worker) ->
            multiply(weights.attentionOutput, buffers.context, buffers.attention, shard, part),
        (shard, part, worker) ->
            addAndNormalize(
                shard,
                part,
                worker,
                buffers.attention,
                weights.attentionBias,
                DROP_ATTENTION,
                input,
                weights.attentionNorm,
                buffers.attentionNormalized,
                buffers.attentionRstd),
        this::expand,
        (shard, part, worker) ->
            multiply(weights.down, buffers.hidden, buffers.output, shard, part),
        (shard, part, worker) ->
            addAndNormalize(
                shard,
                part,
                worker,
                buffers.output,
                weights.downBias,
                DROP_OUTPUT,
                buffers.attention,
                weights.outputNorm,
                buffers.outputNormalized,
                buffers.outputRstd));
  }

  private void multiply(LinearOperator operator, Floats x, Floats y, int shard, int part) {
    final int from = Shards.cut(operator.outputs(), part, pass.shards().parts());
    final int to = Shards.cut(operator.outputs(), part + 1, pass.shards().parts());
    final int row = pass.shards().firstRow(shard);
    operator.forward(
        new Matrix(x, row * operator.inputs(), operator.inputs()),
        pass.shards().endRow(shard) - row,
        new Matrix(y, row * operator.outputs(), operator.outputs()),
        from,
        to);
  }

  /** q, k and v into one buffer, with their biases. */
  private void project(int shard, int part, int worker) {
    final int width = weights.attentionWidth();
    final int from = Shards.cut(width, part, pass.shards().parts());
    final int to = Shards.cut(width, part + 1, pass.shards().parts());
    final int row = pass.shards().firstRow(shard);
    final int rows = pass.shards().endRow(shard) - row;
    final Matrix x = new Matrix(input, row * hiddenSize, hiddenSize);
    int column = 0;
    for (LinearOperator operator :
        new LinearOperator[] {weights.query, weights.key, weights.value}) {
      final Matrix y = new Matrix(buffers.queryKeyValue, row * 3 * width + column, 3 * width);
      operator.forward(x, rows, y, from, to);
      addBias(y, rows, from, to, weights.queryKeyValueBias, column, worker);
      column += width;
    }
  }

  private void addBias(
      Matrix y, int rows, int from, int to, float[] bias, int biasFrom, int worker) {
    final int columns = to - from;
    if (columns == 0) {
      return;
    }
    final int step = Scratch.tileRows(columns);
    final float[] tile = pass.scratch()[worker].tile(0, step * columns);
    for (int r = 0; r < rows; r += step) {
      final int n = Math.min(step, rows - r);
      final Matrix at = new Matrix(y.data(), y.from() + r * y.stride() + from, y.stride());
      Scratch.read(at, n, columns, tile);
      pass.kernels().addBias(tile, n, columns, bias, biasFrom + from);
      Scratch.write(at, n, columns, tile);
    }
  }

  private void attend(int shard, int part, int worker) {
    final int heads = weights.attentionWidth() / headSize;
    final int first = pass.shards().firstSequence(shard);
    final int pairs = (pass.shards().endSequence(shard) - first) * heads;
    final int parts = pass.shards().parts();
    for (int pair = Shards.share(pairs, part, parts);
        pair < Shards.share(pairs, part + 1, parts);
        pair++) {
      attend(first + pair / heads, pair % heads, heads, worker);
    }
  }

  /** One head of one sequence. */
  private void attend(int sequence, int head, int heads, int worker) {
    final int width = weights.attentionWidth();
    final int n = pass.batch().length(sequence);
    final int row = pass.batch().offsets()[sequence];
    final int stride = 3 * width;
    final int column = row * stride + head * headSize;
    final Matrix q = new Matrix(buffers.queryKeyValue, column, stride);
    final Matrix k = new Matrix(buffers.queryKeyValue, column + width, stride);
    final Matrix v = new Matrix(buffers.queryKeyValue, column + 2 * width, stride);
    final Scratch scratch = pass.scratch()[worker];
    final Matrix scores =
        pass.keep()
            ? new Matrix(
                buffers.probabilities, pass.firstScore()[sequence] * heads + head * n * n, n)
            : new Matrix(scratch.square(0, n * n), 0, n);
    Blas.gemm(false, true, n, n, headSize, 1f, q, k, 0f, scores);
    final boolean drop = pass.dropout().active();
    final Matrix used = drop ? new Matrix(scratch.square(1, n * n), 0, n) : scores;
    final int seed = pass.dropout().at(layer, DROP_PROBABILITIES);
    final float scale = (float) (1.0 / Math.sqrt(headSize));
    final int step = Scratch.tileRows(n);
    final float[] tile = scratch.tile(0, step * n);
    for (int r = 0; r < n; r += step) {
      final int rows = Math.min(step, n - r);
      final int at = r * n;
      scores.data().read(scores.from() + at, tile, 0, rows * n);
      for (int i = 0; i < rows; i++) {
        pass.kernels().softmax(tile, i * n, n, scale, null);
      }
      scores.data().write(scores.from() + at, tile, 0, rows * n);
      if (drop) {
        final int position = pass.firstScore()[sequence] * heads + head * n * n + at;
        pass.kernels().dropout(tile, rows * n, seed, position, pass.dropout().rate());
        used.data().write(at, tile, 0, rows * n);
      }
    }
    Blas.gemm(
        false,
        false,
        n,
        headSize,
        n,
        1f,
        used,
        v,
        0f,
        new Matrix(buffers.context, row * width + head * headSize, width));
  }

  /** {@code y = LN(dropout(y + bias) + residual)}, in place. */
  private void addAndNormalize(
      int shard,
      int part,
      int worker,
      Floats y,
      float[] bias,
      int site,
      Floats residual,
      LayerWeights.Norm norm,
      Floats normalized,
      float[] rstd) {
    final int d = hiddenSize;
    final int first = pass.shards().firstRow(shard);
    final int count = pass.shards().endRow(shard) - first;
    final int parts = pass.shards().parts();
    final int end = first + Shards.share(count, part + 1, parts);
    final int step = Scratch.tileRows(d);
    final Scratch scratch = pass.scratch()[worker];
    final float[] tile = scratch.tile(0, step * d);
    final float[] other = scratch.tile(1, step * d);
    for (int row = first + Shards.share(count, part, parts); row < end; row += step) {
      final int rows = Math.min(step, end - row);
      y.read(row * d, tile, 0, rows * d);
      pass.kernels().addBias(tile, rows, d, bias, 0);
      if (pass.dropout().active()) {
        pass.kernels()
            .dropout(
                tile, rows * d, pass.dropout().at(layer, site), row * d, pass.dropout().rate());
      }
      residual.read(row * d, other, 0, rows * d);
      pass.kernels().add(tile, other, rows * d);
      pass.kernels().layerNorm(tile, rows, d, norm.gamma, norm.beta, eps, other, rstd, row);
      y.write(row * d, tile, 0, rows * d);
      if (pass.keep()) {
        normalized.write(row * d, other, 0, rows * d);
      }
    }
  }

  /** The FFN's first half: product, bias, activation. */
  private void expand(int shard, int part, int worker) {
    final int f = weights.ffnWidth();
    final int from = Shards.cut(f, part, pass.shards().parts());
    final int to = Shards.cut(f, part + 1, pass.shards().parts());
    multiply(weights.up, buffers.attention, buffers.hidden, shard, part);
    final int columns = to - from;
    if (columns == 0) {
      return;
    }
    final int step = Scratch.tileRows(columns);
    final float[] tile = pass.scratch()[worker].tile(0, step * columns);
    final int end = pass.shards().endRow(shard);
    for (int row = pass.shards().firstRow(shard); row < end; row += step) {
      final int rows = Math.min(step, end - row);
      final Matrix at = new Matrix(buffers.hidden, row * f + from, f);
      Scratch.read(at, rows, columns, tile);
      pass.kernels().addBias(tile, rows, columns, weights.upBias, from);
      if (pass.keep()) {
        Scratch.write(new Matrix(buffers.before, row * f + from, f), rows, columns, tile);
      }
      pass.kernels().activate(activation, tile, rows * columns);
      Scratch.write(at, rows, columns, tile);
    }
  }
}
