package dev.bantam.model;

import dev.bantam.model.LayerForward.EncoderShape;
import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.List;

/** The backward of {@link LayerForward}, block by block in reverse. */
final class LayerBackward {
  /** Rows of a weight's gradient computed by one piece of work. */
  private static final int GRADIENT_ROWS = 192;

  private final Pass pass;
  private final int layer;
  private final LayerWeights weights;
  private final LayerBuffers saved;
  private final BackwardBuffers buffers;
  private final Floats input;
  private final EncoderShape shape;
  private final GradientStore gradients;
  private final int d;

  private final Partials outputGamma;
  private final Partials outputBeta;
  private final Partials downBias;
  private final Partials upBias;
  private final Partials attentionGamma;
  private final Partials attentionBeta;
  private final Partials attentionBias;
  private final Partials queryKeyValueBias;

  LayerBackward(
      Pass pass,
      int layer,
      LayerWeights weights,
      LayerBuffers saved,
      BackwardBuffers buffers,
      Floats input,
      EncoderShape shape,
      GradientStore gradients) {
    this.pass = pass;
    this.layer = layer;
    this.weights = weights;
    this.saved = saved;
    this.buffers = buffers;
    this.input = input;
    this.shape = shape;
    this.gradients = gradients;
    this.d = shape.hiddenSize();
    final int pieces = pass.shards().count() * pass.shards().parts();
    outputGamma = new Partials(pieces, d);
    outputBeta = new Partials(pieces, d);
    downBias = new Partials(pieces, d);
    upBias = new Partials(pieces, weights.ffnWidth());
    attentionGamma = new Partials(pieces, d);
    attentionBeta = new Partials(pieces, d);
    attentionBias = new Partials(pieces, d);
    queryKeyValueBias = new Partials(pieces, 3 * weights.attentionWidth());
  }

  /** Turns the gradient of the layer's output in {@code stream} into that of its input. */
  void run() {
    final String p = weights.prefix;
    Stage.runAll(
        List.of(
            (shard, part, worker) ->
                throughNorm(
                    shard,
                    part,
                    worker,
                    saved.outputNormalized,
                    saved.outputRstd,
                    weights.outputNorm,
                    LayerForward.DROP_OUTPUT,
                    new Partials[] {outputGamma, outputBeta, downBias}),
            this::throughActivation,
            (shard, part, worker) ->
                multiply(weights.up, buffers.hidden, buffers.stream, 1f, shard, part)),
        pass.shards(),
        pass.workers());
    norm(weights.outputNorm.name, outputGamma, outputBeta);
    gradients.vector(p + "output.dense.bias", downBias::total);
    gradients.vector(p + "intermediate.dense.bias", upBias::total);
    weightGradients(
        List.of(
            new Product(p + "output.dense.weight", weights.down, saved.hidden, buffers.block, d, 0),
            new Product(
                p + "intermediate.dense.weight",
                weights.up,
                saved.attention,
                buffers.hidden,
                weights.ffnWidth(),
                0)));
    Stage.runAll(
        List.of(
            (shard, part, worker) ->
                throughNorm(
                    shard,
                    part,
                    worker,
                    saved.attentionNormalized,
                    saved.attentionRstd,
                    weights.attentionNorm,
                    LayerForward.DROP_ATTENTION,
                    new Partials[] {attentionGamma, attentionBeta, attentionBias}),
            (shard, part, worker) ->
                multiply(weights.attentionOutput, buffers.block, buffers.context, 0f, shard, part),
            this::throughAttention,
            this::throughProjections,
            this::projectionBias),
        pass.shards(),
        pass.workers());
    norm(weights.attentionNorm.name, attentionGamma, attentionBeta);
    gradients.vector(p + "attention.output.dense.bias", attentionBias::total);
    final int width = weights.attentionWidth();
    final float[] bias = queryKeyValueBias.total();
    final String[] names = {"query", "key", "value"};
    final LinearOperator[] operators = {weights.query, weights.key, weights.value};
    final List<Product> products = new ArrayList<>();
    products.add(
        new Product(
            p + "attention.output.dense.weight",
            weights.attentionOutput,
            saved.context,
            buffers.block,
            d,
            0));
    for (int i = 0; i < 3; i++) {
      final int from = i * width;
      gradients.vector(
          p + "attention.self." + names[i] + ".bias",
          () -> java.util.Arrays.copyOfRange(bias, from, from + width));
      products.add(
          new Product(
              p + "attention.self." + names[i] + ".weight",
              operators[i],
              input,
              buffers.queryKeyValue,
              3 * width,
              from));
    }
    weightGradients(products);
  }

  private void norm(String name, Partials gamma, Partials beta) {
    gradients.vector(name + ".weight", gamma::total);
    gradients.vector(name + ".bias", beta::total);
  }

  /** A weight gradient to compute: dW = dY[:, column..]^T X, with the distance of dY's rows. */
  private record Product(
      String name, LinearOperator operator, Floats x, Floats dy, int stride, int column) {}

  private void weightGradients(List<Product> products) {
    record Piece(Product product, Floats gradient, int from, int to) {}
    final List<Piece> pieces = new ArrayList<>();
    for (Product product : products) {
      if (!gradients.wants(product.name())) {
        continue;
      }
      final Floats gradient = gradients.matrix(product.name());
      final int outputs = product.operator().outputs();
      for (int from = 0; from < outputs; from += GRADIENT_ROWS) {
        pieces.add(new Piece(product, gradient, from, Math.min(outputs, from + GRADIENT_ROWS)));
      }
    }
    final int tokens = pass.batch().tokens();
    pass.workers()
        .run(
            pieces.size(),
            (i, worker) -> {
              final Piece piece = pieces.get(i);
              final Product product = piece.product();
              final int inputs = product.operator().inputs();
              product
                  .operator()
                  .backwardWeight(
                      new Matrix(product.x(), 0, inputs),
                      new Matrix(product.dy(), product.column(), product.stride()),
                      tokens,
                      piece.gradient(),
                      piece.from(),
                      piece.to());
            });
    for (Product product : products) {
      gradients.done(product.name());
    }
  }

  private int piece(int shard, int part) {
    return shard * pass.shards().parts() + part;
  }

  /** {@code dX[:, part] = beta dX + dY W[:, part]}. */
  private void multiply(
      LinearOperator operator, Floats dy, Floats dx, float beta, int shard, int part) {
    final int from = Shards.cut(operator.inputs(), part, pass.shards().parts());
    final int to = Shards.cut(operator.inputs(), part + 1, pass.shards().parts());
    final int row = pass.shards().firstRow(shard);
    operator.backwardInput(
        new Matrix(dy, row * operator.outputs(), operator.outputs()),
        pass.shards().endRow(shard) - row,
        new Matrix(dx, row * operator.inputs(), operator.inputs()),
        from,
        to,
        beta);
  }

  /** LayerNorm of a block: the stream keeps the residual's share, the block gets its own. */
  private void throughNorm(
      int shard,
      int part,
      int worker,
      Floats normalized,
      float[] rstd,
      LayerWeights.Norm norm,
      int site,
      Partials[] partials) {
    final int first = pass.shards().firstRow(shard);
    final int count = pass.shards().endRow(shard) - first;
    final int parts = pass.shards().parts();
    final int end = first + Shards.share(count, part + 1, parts);
    final int step = Scratch.tileRows(d);
    final float[] tile = pass.scratch()[worker].tile(0, step * d);
    final float[] other = pass.scratch()[worker].tile(1, step * d);
    final int piece = piece(shard, part);
    final Pass.Dropout dropout = pass.dropout();
    for (int row = first + Shards.share(count, part, parts); row < end; row += step) {
      final int rows = Math.min(step, end - row);
      buffers.stream.read(row * d, tile, 0, rows * d);
      normalized.read(row * d, other, 0, rows * d);
      pass.kernels()
          .layerNormBackward(
              tile,
              rows,
              d,
              other,
              rstd,
              row,
              norm.gamma,
              partials[0].of(piece),
              partials[1].of(piece));
      buffers.stream.write(row * d, tile, 0, rows * d);
      if (dropout.active()) {
        pass.kernels().dropout(tile, rows * d, dropout.at(layer, site), row * d, dropout.rate());
      }
      pass.kernels().addColumnSums(tile, rows, d, partials[2].of(piece), 0);
      buffers.block.write(row * d, tile, 0, rows * d);
    }
  }

  /** From the FFN's output to the input of its activation. */
  private void throughActivation(int shard, int part, int worker) {
    multiply(weights.down, buffers.block, buffers.hidden, 0f, shard, part);
    final int f = weights.ffnWidth();
    final int from = Shards.cut(f, part, pass.shards().parts());
    final int columns = Shards.cut(f, part + 1, pass.shards().parts()) - from;
    if (columns == 0) {
      return;
    }
    final int step = Scratch.tileRows(columns);
    final float[] tile = pass.scratch()[worker].tile(0, step * columns);
    final float[] other = pass.scratch()[worker].tile(1, step * columns);
    final float[] sums = upBias.of(piece(shard, part));
    final int end = pass.shards().endRow(shard);
    for (int row = pass.shards().firstRow(shard); row < end; row += step) {
      final int rows = Math.min(step, end - row);
      final Matrix at = new Matrix(buffers.hidden, row * f + from, f);
      Scratch.read(at, rows, columns, tile);
      Scratch.read(new Matrix(saved.before, row * f + from, f), rows, columns, other);
      pass.kernels().activateBackward(shape.activation(), other, tile, rows * columns);
      pass.kernels().addColumnSums(tile, rows, columns, sums, from);
      Scratch.write(at, rows, columns, tile);
    }
  }

  private void throughAttention(int shard, int part, int worker) {
    final int heads = weights.attentionWidth() / shape.headSize();
    final int first = pass.shards().firstSequence(shard);
    final int pairs = (pass.shards().endSequence(shard) - first) * heads;
    final int parts = pass.shards().parts();
    for (int pair = Shards.share(pairs, part, parts);
        pair < Shards.share(pairs, part + 1, parts);
        pair++) {
      throughAttention(first + pair / heads, pair % heads, heads, worker);
    }
  }

  /** One head of one sequence: from the context's gradient to those of q, k and v. */
  private void throughAttention(int sequence, int head, int heads, int worker) {
    final int width = weights.attentionWidth();
    final int size = shape.headSize();
    final int n = pass.batch().length(sequence);
    final int row = pass.batch().offsets()[sequence];
    final int stride = 3 * width;
    final int column = row * stride + head * size;
    final int scoresFrom = pass.firstScore()[sequence] * heads + head * n * n;
    final Matrix context = new Matrix(buffers.context, row * width + head * size, width);
    final Scratch scratch = pass.scratch()[worker];
    final Matrix gradient = new Matrix(scratch.square(0, n * n), 0, n);
    Blas.gemm(
        false,
        true,
        n,
        n,
        size,
        1f,
        context,
        new Matrix(saved.queryKeyValue, column + 2 * width, stride),
        0f,
        gradient);
    final Pass.Dropout dropout = pass.dropout();
    final boolean drop = dropout.active();
    final Matrix used =
        drop
            ? new Matrix(scratch.square(1, n * n), 0, n)
            : new Matrix(saved.probabilities, scoresFrom, n);
    final int seed = dropout.at(layer, LayerForward.DROP_PROBABILITIES);
    final float scale = (float) (1.0 / Math.sqrt(size));
    final int step = Scratch.tileRows(n);
    final float[] tile = scratch.tile(0, step * n);
    final float[] other = scratch.tile(1, step * n);
    final float[] dropped = scratch.tile(2, step * n);
    for (int r = 0; r < n; r += step) {
      final int rows = Math.min(step, n - r);
      final int at = r * n;
      gradient.data().read(at, tile, 0, rows * n);
      saved.probabilities.read(scoresFrom + at, other, 0, rows * n);
      if (drop) {
        System.arraycopy(other, 0, dropped, 0, rows * n);
        pass.kernels().dropout(dropped, rows * n, seed, scoresFrom + at, dropout.rate());
        used.data().write(at, dropped, 0, rows * n);
        pass.kernels().dropout(tile, rows * n, seed, scoresFrom + at, dropout.rate());
      }
      for (int i = 0; i < rows; i++) {
        pass.kernels().softmaxBackward(other, tile, i * n, n, scale);
      }
      gradient.data().write(at, tile, 0, rows * n);
    }
    final Floats out = buffers.queryKeyValue;
    Blas.gemm(
        true,
        false,
        n,
        size,
        n,
        1f,
        used,
        context,
        0f,
        new Matrix(out, column + 2 * width, stride));
    Blas.gemm(
        false,
        false,
        n,
        size,
        n,
        1f,
        gradient,
        new Matrix(saved.queryKeyValue, column + width, stride),
        0f,
        new Matrix(out, column, stride));
    Blas.gemm(
        true,
        false,
        n,
        size,
        n,
        1f,
        gradient,
        new Matrix(saved.queryKeyValue, column, stride),
        0f,
        new Matrix(out, column + width, stride));
  }

  /** Adds what q, k and v send back to the stream. */
  private void throughProjections(int shard, int part, int worker) {
    final int width = weights.attentionWidth();
    final int from = Shards.cut(d, part, pass.shards().parts());
    final int to = Shards.cut(d, part + 1, pass.shards().parts());
    final int row = pass.shards().firstRow(shard);
    final int rows = pass.shards().endRow(shard) - row;
    final Matrix stream = new Matrix(buffers.stream, row * d, d);
    int column = 0;
    for (LinearOperator operator :
        new LinearOperator[] {weights.query, weights.key, weights.value}) {
      operator.backwardInput(
          new Matrix(buffers.queryKeyValue, row * 3 * width + column, 3 * width),
          rows,
          stream,
          from,
          to,
          1f);
      column += width;
    }
  }

  private void projectionBias(int shard, int part, int worker) {
    final int width = 3 * weights.attentionWidth();
    final int from = Shards.cut(width, part, pass.shards().parts());
    final int columns = Shards.cut(width, part + 1, pass.shards().parts()) - from;
    if (columns == 0) {
      return;
    }
    final int step = Scratch.tileRows(columns);
    final float[] tile = pass.scratch()[worker].tile(0, step * columns);
    final float[] sums = queryKeyValueBias.of(piece(shard, part));
    final int end = pass.shards().endRow(shard);
    for (int row = pass.shards().firstRow(shard); row < end; row += step) {
      final int rows = Math.min(step, end - row);
      Scratch.read(
          new Matrix(buffers.queryKeyValue, row * width + from, width), rows, columns, tile);
      pass.kernels().addColumnSums(tile, rows, columns, sums, from);
    }
  }
}
