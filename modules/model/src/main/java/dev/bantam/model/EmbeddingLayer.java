package dev.bantam.model;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.EncoderParameters;
import dev.bantam.model.LayerWeights.Linear;
import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * {@code e = dropout(LN(word[id] + position[p] + type[t]))} and {@code h = W e + b} where the
 * tables are not as wide as the stream, else {@code h = e}; forward and backward.
 */
final class EmbeddingLayer {
  static final String WORD = "embeddings.word_embeddings.weight";
  static final String POSITION = "embeddings.position_embeddings.weight";
  static final String TYPE = "embeddings.token_type_embeddings.weight";
  static final String NORM = "embeddings.LayerNorm";
  static final String PROJECTION = EncoderParameters.PROJECTION + ".weight";
  private static final String BIAS = EncoderParameters.PROJECTION + ".bias";
  private static final int DROP = 7;

  private final Pass pass;
  private final Floats word;
  private final Floats position;
  private final Floats type;
  private final LayerWeights.Norm norm;
  private final float[] bias;
  private final int[] rowOfPosition;
  private final Linear projection;
  private final int d;
  private final int e;
  private final double eps;
  private final SiteHook atWord;
  private final SiteHook atOutput;

  /**
   * What the backward needs.
   *
   * @param normalized rows before scale and shift, [tokens, e]; null in a pass without a backward
   * @param rstd their factors
   * @param factored input of the projection, [tokens, e]; null without one
   */
  record Saved(Floats normalized, float[] rstd, Floats factored) {}

  /**
   * @param projection from the width of the tables to that of the stream, or null
   */
  EmbeddingLayer(
      Pass pass,
      Function<String, Floats> parameters,
      Architecture architecture,
      Linear projection) {
    this.pass = pass;
    this.word = parameters.apply(WORD);
    this.position = parameters.apply(POSITION);
    this.type = architecture.tokenTypes() > 0 ? parameters.apply(TYPE) : null;
    this.norm = new LayerWeights.Norm(NORM, parameters);
    this.bias = projection == null ? null : Floats.toArray(parameters.apply(BIAS).array());
    this.rowOfPosition = PositionIds.of(architecture, pass.batch());
    this.projection = projection;
    this.d = architecture.hiddenSize();
    this.e = architecture.embeddings().width();
    this.eps = architecture.layerNormEps();
    this.atWord = pass.hooks().at(-1, Kind.EMBEDDINGS_WORD);
    this.atOutput = pass.hooks().at(-1, Kind.EMBEDDINGS_OUTPUT);
  }

  List<Stage> forward(Floats output, Saved saved) {
    final Floats sum = projection == null ? output : saved.factored();
    final Stage tables =
        (shard, part, worker) ->
            pass.rows(
                shard,
                part,
                e,
                (row, rows) -> forward(row, rows, pass.scratch()[worker], sum, saved));
    if (projection == null) {
      return List.of(tables);
    }
    final Stage finish =
        (shard, part, worker) ->
            pass.rows(
                shard, part, d, (row, rows) -> finish(row, rows, pass.scratch()[worker], output));
    return List.of(tables, LayerForward.product(pass, projection, sum, e, output, d), finish);
  }

  private void forward(int row, int rows, Scratch scratch, Floats output, Saved saved) {
    final int n = rows * e;
    final float[] tile = scratch.tile(0, n);
    final float[] other = scratch.tile(1, n);
    gather(word, pass.batch().ids(), row, rows, tile);
    if (atWord != null) {
      atWord.forward(tile, rows, e, row);
    }
    gather(position, rowOfPosition, row, rows, other);
    pass.kernels().add(tile, other, n);
    if (type != null) {
      gather(type, pass.batch().typeIds(), row, rows, other);
      pass.kernels().add(tile, other, n);
    }
    pass.kernels().layerNorm(tile, rows, e, norm.gamma, norm.beta, eps, other, saved.rstd(), row);
    if (pass.keep()) {
      saved.normalized().write(row * e, other, 0, n);
    }
    dropout(tile, n, row);
    if (atOutput != null && projection == null) {
      atOutput.forward(tile, rows, e, row);
    }
    output.write(row * e, tile, 0, n);
  }

  private void finish(int row, int rows, Scratch scratch, Floats output) {
    final float[] tile = scratch.tile(0, rows * d);
    output.read(row * d, tile, 0, rows * d);
    pass.kernels().addBias(tile, rows, d, bias, 0);
    if (atOutput != null) {
      atOutput.forward(tile, rows, d, row);
    }
    output.write(row * d, tile, 0, rows * d);
  }

  private void dropout(float[] tile, int n, int row) {
    if (pass.dropout().active()) {
      pass.kernels().dropout(tile, n, pass.dropout().at(-1, DROP), row * e, pass.dropout().rate());
    }
  }

  private void gather(Floats table, int[] index, int row, int rows, float[] tile) {
    for (int r = 0; r < rows; r++) {
      table.read(index[row + r] * e, tile, r * e, e);
    }
  }

  /**
   * Sends the gradients of the tables, the norm and the projection, given that of the output in
   * {@code stream}.
   *
   * @param spare room for gradients of the width of the tables
   */
  void backward(Floats stream, SpareMemory spare, Saved saved, GradientStore gradients) {
    if (!wanted(gradients)) {
      return;
    }
    final int pieces = pass.shards().pieces();
    final int room = pass.batch().tokens() * e;
    final Floats sum = projection == null ? stream : spare.get("embeddings gradient", room);
    final Floats words = atWord == null ? sum : spare.get("words gradient", room);
    final Partials gamma = new Partials(pieces, e);
    final Partials beta = new Partials(pieces, e);
    final List<Stage> stages = new ArrayList<>();
    final WeightGradients weights = new WeightGradients(pass, gradients);
    final Partials projectionBias = new Partials(pieces, d);
    final OwnGradients own = projection == null ? null : weights.own(projection);
    if (projection != null) {
      stages.add(throughOutput(stream, projectionBias));
      stages.add(throughProjection(stream, sum, saved, own));
    }
    stages.add(
        (shard, part, worker) ->
            pass.rows(
                shard,
                part,
                e,
                (row, rows) -> {
                  final Scratch scratch = pass.scratch()[worker];
                  final int piece = pass.shards().piece(shard, part);
                  throughNorm(row, rows, piece, scratch, sum, saved, gamma, beta);
                  if (atWord != null) {
                    throughWord(row, rows, piece, scratch, sum, words);
                  }
                }));
    Stage.runAll(stages, pass.shards(), pass.workers());
    pass.hooks().send(site -> site.kind().compareTo(Kind.EMBEDDINGS_OUTPUT) <= 0, gradients);
    if (projection != null) {
      gradients.vector(BIAS, projectionBias::total);
      weights.run(
          List.of(
              new WeightGradients.Product(
                  projection, own, saved.factored(), stream, d, 0, pass.batch().tokens())));
    }
    gradients.vector(NORM + ".weight", gamma::total);
    gradients.vector(NORM + ".bias", beta::total);
    scatter(WORD, pass.batch().ids(), words, gradients);
    scatter(POSITION, rowOfPosition, sum, gradients);
    if (type != null) {
      scatter(TYPE, pass.batch().typeIds(), sum, gradients);
    }
  }

  private boolean wanted(GradientStore gradients) {
    final boolean sites =
        (atWord != null && atWord.wanted(gradients))
            || (atOutput != null && atOutput.wanted(gradients));
    final boolean projected =
        projection != null
            && (gradients.wants(projection.name())
                || gradients.wants(BIAS)
                || projection.operator().ownParameters().keySet().stream()
                    .anyMatch(p -> gradients.wants(OwnGradients.name(projection.name(), p))));
    return sites
        || projected
        || gradients.wants(WORD)
        || gradients.wants(POSITION)
        || (type != null && gradients.wants(TYPE))
        || gradients.wants(NORM + ".weight")
        || gradients.wants(NORM + ".bias");
  }

  /** From the gradient of the stream to that of the product, in place. */
  private Stage throughOutput(Floats stream, Partials sums) {
    return (shard, part, worker) ->
        pass.rows(
            shard,
            part,
            d,
            (row, rows) -> {
              final Scratch scratch = pass.scratch()[worker];
              final int piece = pass.shards().piece(shard, part);
              final float[] tile = scratch.tile(0, rows * d);
              stream.read(row * d, tile, 0, rows * d);
              if (atOutput != null) {
                atOutput.backward(tile, rows, d, row, piece, scratch);
              }
              pass.kernels().addColumnSums(tile, rows, d, sums.of(piece), 0);
              stream.write(row * d, tile, 0, rows * d);
            });
  }

  private Stage throughProjection(Floats stream, Floats sum, Saved saved, OwnGradients own) {
    return (shard, part, worker) -> {
      final int row = pass.shards().firstRow(shard);
      projection
          .operator()
          .backwardInput(
              new Matrix(saved.factored(), row * e, e),
              new Matrix(stream, row * d, d),
              pass.shards().endRow(shard) - row,
              new Matrix(sum, row * e, e),
              Shards.cut(e, part, pass.shards().parts()),
              Shards.cut(e, part + 1, pass.shards().parts()),
              0f,
              own.of(pass.shards().piece(shard, part)));
    };
  }

  private void throughNorm(
      int row,
      int rows,
      int piece,
      Scratch scratch,
      Floats stream,
      Saved saved,
      Partials gamma,
      Partials beta) {
    final int n = rows * e;
    final float[] tile = scratch.tile(0, n);
    final float[] other = scratch.tile(1, n);
    stream.read(row * e, tile, 0, n);
    if (atOutput != null && projection == null) {
      atOutput.backward(tile, rows, e, row, piece, scratch);
    }
    dropout(tile, n, row);
    saved.normalized().read(row * e, other, 0, n);
    pass.kernels()
        .layerNormBackward(
            tile, rows, e, other, saved.rstd(), row, norm.gamma, gamma.of(piece), beta.of(piece));
    stream.write(row * e, tile, 0, n);
  }

  private void throughWord(
      int row, int rows, int piece, Scratch scratch, Floats stream, Floats words) {
    final float[] tile = scratch.tile(0, rows * e);
    stream.read(row * e, tile, 0, rows * e);
    atWord.backward(tile, rows, e, row, piece, scratch);
    words.write(row * e, tile, 0, rows * e);
  }

  private void scatter(String name, int[] index, Floats stream, GradientStore gradients) {
    if (!gradients.wants(name)) {
      return;
    }
    final Floats table = gradients.matrix(name);
    table.fill(0, table.length(), 0f);
    final float[] row = new float[e];
    final float[] sum = new float[e];
    for (int t = 0; t < pass.batch().tokens(); t++) {
      stream.read(t * e, row, 0, e);
      table.read(index[t] * e, sum, 0, e);
      pass.kernels().add(sum, row, e);
      table.write(index[t] * e, sum, 0, e);
    }
    gradients.done(name);
  }
}
