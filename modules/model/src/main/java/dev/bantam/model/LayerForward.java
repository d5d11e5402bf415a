package dev.bantam.model;

import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.model.LayerWeights.Linear;
import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import java.util.ArrayList;
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

  private final Pass pass;
  private final int layer;
  private final LayerWeights weights;
  private final LayerBuffers buffers;
  private final Floats input;
  private final EncoderShape shape;
  private final SpareMemory spare;
  private final AttentionWork attention;
  private final int d;

  LayerForward(
      Pass pass,
      int layer,
      LayerWeights weights,
      LayerBuffers buffers,
      Floats input,
      EncoderShape shape,
      AttentionStrategy strategy,
      SpareMemory spare) {
    this.pass = pass;
    this.layer = layer;
    this.weights = weights;
    this.buffers = buffers;
    this.input = input;
    this.shape = shape;
    this.spare = spare;
    this.d = shape.hiddenSize();
    this.attention =
        new AttentionWork(pass, layer, weights.attentionWidth(), shape, buffers, strategy, spare);
  }

  /**
   * What every layer of an encoder shares, but for an activation of its own.
   *
   * @param relative bias on the scores, or null
   */
  record EncoderShape(
      int hiddenSize,
      int headSize,
      Kernels.Activation activation,
      double eps,
      RelativePositions relative) {
    /** The same with another activation; null for this one. */
    EncoderShape with(Activation other) {
      return other == null
          ? this
          : new EncoderShape(hiddenSize, headSize, kernel(other), eps, relative);
    }

    static Kernels.Activation kernel(Activation activation) {
      return switch (activation) {
        case GELU_ERF -> Kernels.Activation.GELU_ERF;
        case GELU_TANH -> Kernels.Activation.GELU_TANH;
        case RELU -> Kernels.Activation.RELU;
      };
    }
  }

  /** All stages of the layer. */
  List<Stage> stages() {
    final List<Stage> stages = new ArrayList<>(attentionStages());
    inPlace(
        stages,
        Kind.ATTENTION_CONTEXT,
        buffers.context,
        weights.attentionWidth(),
        0,
        buffers.width);
    stages.add(
        product(
            pass, weights.attentionOutput, buffers.context, buffers.width, buffers.attention, d));
    stages.add(
        new AddAndNormalize(
            pass,
            layer,
            d,
            shape.eps(),
            AddAndNormalize.Sites.ATTENTION,
            buffers.attention,
            weights.attentionBias,
            input,
            weights.attentionNorm,
            buffers.attentionNormalized,
            buffers.attentionRstd));
    final Floats ffnInput = branch(stages, Kind.FFN_INPUT, buffers.attention);
    stages.add((shard, part, worker) -> expand(ffnInput, shard, part));
    inPlace(stages, Kind.FFN_HIDDEN, buffers.hidden, weights.ffnWidth(), 0, buffers.ffn);
    stages.add(product(pass, weights.down, buffers.hidden, buffers.ffn, buffers.output, d));
    stages.add(
        new AddAndNormalize(
            pass,
            layer,
            d,
            shape.eps(),
            AddAndNormalize.Sites.FFN,
            buffers.output,
            weights.downBias,
            buffers.attention,
            weights.outputNorm,
            buffers.outputNormalized,
            buffers.outputRstd));
    return stages;
  }

  /** The stages up to the context. */
  List<Stage> attentionStages() {
    final List<Stage> stages = new ArrayList<>();
    final Floats x = branch(stages, Kind.ATTENTION_INPUT, input);
    stages.add((shard, part, worker) -> project(x, shard, part));
    final int width = weights.attentionWidth();
    final int stride = 3 * buffers.width;
    inPlace(stages, Kind.ATTENTION_QUERY, buffers.queryKeyValue, width, 0, stride);
    inPlace(stages, Kind.ATTENTION_KEY, buffers.queryKeyValue, width, buffers.width, stride);
    inPlace(stages, Kind.ATTENTION_VALUE, buffers.queryKeyValue, width, 2 * buffers.width, stride);
    stages.addAll(attention.forward(x, d));
    return stages;
  }

  /** Where the branch at a site has its values: the source itself unless something sits there. */
  static Floats branch(Pass pass, int layer, Kind kind, Floats source, int d, SpareMemory spare) {
    return pass.hooks().at(layer, kind) == null
        ? source
        : spare.get(new Site(pass.keep() ? layer : 0, kind) + " branch", pass.batch().tokens() * d);
  }

  private Floats branch(List<Stage> stages, Kind kind, Floats source) {
    final SiteHook hook = pass.hooks().at(layer, kind);
    final Floats target = branch(pass, layer, kind, source, d, spare);
    if (hook != null) {
      stages.add(
          (shard, part, worker) ->
              pass.rows(
                  shard,
                  part,
                  d,
                  (row, rows) -> {
                    final float[] tile = pass.scratch()[worker].tile(0, rows * d);
                    source.read(row * d, tile, 0, rows * d);
                    hook.forward(tile, rows, d, row);
                    target.write(row * d, tile, 0, rows * d);
                  }));
    }
    return target;
  }

  /** Passes a matrix through a site, whose rows start at {@code column} of rows of a buffer. */
  private void inPlace(
      List<Stage> stages, Kind kind, Floats data, int columns, int column, int stride) {
    final SiteHook hook = pass.hooks().at(layer, kind);
    if (hook != null) {
      stages.add(
          (shard, part, worker) ->
              pass.rows(
                  shard,
                  part,
                  columns,
                  (row, rows) -> {
                    final float[] tile = pass.scratch()[worker].tile(0, rows * columns);
                    final Matrix at = new Matrix(data, row * stride + column, stride);
                    Scratch.read(at, rows, columns, tile);
                    hook.forward(tile, rows, columns, row);
                    Scratch.write(at, rows, columns, tile);
                  }));
    }
  }

  /** A product without its bias, e.g. {@code W_o c}; strides are distances of rows. */
  static Stage product(Pass pass, Linear linear, Floats x, int xStride, Floats y, int yStride) {
    return (shard, part, worker) -> multiply(pass, linear, x, xStride, y, yStride, shard, part);
  }

  private static void multiply(
      Pass pass, Linear linear, Floats x, int xStride, Floats y, int yStride, int shard, int part) {
    final LinearOperator operator = linear.operator();
    final int from = Shards.cut(operator.outputs(), part, pass.shards().parts());
    final int to = Shards.cut(operator.outputs(), part + 1, pass.shards().parts());
    final int row = pass.shards().firstRow(shard);
    operator.forward(
        new Matrix(x, row * xStride, xStride),
        pass.shards().endRow(shard) - row,
        new Matrix(y, row * yStride, yStride),
        from,
        to);
  }

  /** q, k and v into one buffer, with their biases. */
  private void project(Floats source, int shard, int part) {
    final int width = weights.attentionWidth();
    final int from = Shards.cut(width, part, pass.shards().parts());
    final int to = Shards.cut(width, part + 1, pass.shards().parts());
    final int row = pass.shards().firstRow(shard);
    final int rows = pass.shards().endRow(shard) - row;
    final Matrix x = new Matrix(source, row * d, d);
    final int stride = 3 * buffers.width;
    for (int i = 0; i < 3; i++) {
      final Matrix y = new Matrix(buffers.queryKeyValue, row * stride + i * buffers.width, stride);
      final int bias = i * width;
      weights
          .projections()
          .get(i)
          .operator()
          .forward(
              x,
              rows,
              y,
              from,
              to,
              (values, first, n, column, columns) ->
                  pass.kernels()
                      .addBias(values, n, columns, weights.queryKeyValueBias, bias + column));
    }
  }

  /** The FFN's first half: product, bias, activation. */
  private void expand(Floats source, int shard, int part) {
    final int f = weights.ffnWidth();
    final int row = pass.shards().firstRow(shard);
    weights
        .up
        .operator()
        .forward(
            new Matrix(source, row * d, d),
            pass.shards().endRow(shard) - row,
            new Matrix(buffers.hidden, row * buffers.ffn, buffers.ffn),
            Shards.cut(f, part, pass.shards().parts()),
            Shards.cut(f, part + 1, pass.shards().parts()),
            (values, first, rows, column, columns) -> {
              pass.kernels().addBias(values, rows, columns, weights.upBias, column);
              if (pass.keep()) {
                final int at = (row + first) * f + column;
                Scratch.write(new Matrix(buffers.before, at, f), rows, columns, values);
              }
              pass.kernels().activate(shape.activation(), values, rows * columns);
            });
  }
}
