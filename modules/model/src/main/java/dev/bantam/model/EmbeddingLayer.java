package dev.bantam.model;

import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.Floats;
import java.util.List;
import java.util.function.Function;

/** {@code h = dropout(LN(word[id] + position[p] + type[t]))}, forward and backward. */
final class EmbeddingLayer {
  static final String WORD = "embeddings.word_embeddings.weight";
  static final String POSITION = "embeddings.position_embeddings.weight";
  static final String TYPE = "embeddings.token_type_embeddings.weight";
  static final String NORM = "embeddings.LayerNorm";
  private static final int DROP = 7;

  private final Pass pass;
  private final Floats word;
  private final Floats position;
  private final Floats type;
  private final LayerWeights.Norm norm;
  private final int d;
  private final double eps;
  private final SiteHook atWord;
  private final SiteHook atOutput;

  /** Normalised rows and their factors, kept for the backward. */
  record Saved(Floats normalized, float[] rstd) {}

  EmbeddingLayer(Pass pass, Function<String, Floats> parameters, int d, double eps) {
    this.pass = pass;
    this.word = parameters.apply(WORD);
    this.position = parameters.apply(POSITION);
    this.type = parameters.apply(TYPE);
    this.norm = new LayerWeights.Norm(NORM, parameters);
    this.d = d;
    this.eps = eps;
    this.atWord = pass.hooks().at(-1, Kind.EMBEDDINGS_WORD);
    this.atOutput = pass.hooks().at(-1, Kind.EMBEDDINGS_OUTPUT);
  }

  Stage forward(Floats output, Saved saved) {
    return (shard, part, worker) ->
        pass.rows(
            shard,
            part,
            d,
            (row, rows) -> forward(row, rows, pass.scratch()[worker], output, saved));
  }

  private void forward(int row, int rows, Scratch scratch, Floats output, Saved saved) {
    final int n = rows * d;
    final float[] tile = scratch.tile(0, n);
    final float[] other = scratch.tile(1, n);
    gather(word, pass.batch().ids(), row, rows, tile);
    if (atWord != null) {
      atWord.forward(tile, rows, d, row);
    }
    gather(position, pass.batch().positions(), row, rows, other);
    pass.kernels().add(tile, other, n);
    gather(type, pass.batch().typeIds(), row, rows, other);
    pass.kernels().add(tile, other, n);
    pass.kernels().layerNorm(tile, rows, d, norm.gamma, norm.beta, eps, other, saved.rstd(), row);
    if (pass.keep()) {
      saved.normalized().write(row * d, other, 0, n);
    }
    dropout(tile, n, row);
    if (atOutput != null) {
      atOutput.forward(tile, rows, d, row);
    }
    output.write(row * d, tile, 0, n);
  }

  private void dropout(float[] tile, int n, int row) {
    if (pass.dropout().active()) {
      pass.kernels().dropout(tile, n, pass.dropout().at(-1, DROP), row * d, pass.dropout().rate());
    }
  }

  private void gather(Floats table, int[] index, int row, int rows, float[] tile) {
    for (int r = 0; r < rows; r++) {
      table.read(index[row + r] * d, tile, r * d, d);
    }
  }

  /**
   * Sends the gradients of the tables and the norm, given that of the output in {@code stream}.
   *
   * @param words room for the gradient of the word rows where something sits at their site
   */
  void backward(Floats stream, Floats words, Saved saved, GradientStore gradients) {
    final boolean tables =
        gradients.wants(WORD) || gradients.wants(POSITION) || gradients.wants(TYPE);
    final boolean own =
        (atWord != null && atWord.wanted(gradients))
            || (atOutput != null && atOutput.wanted(gradients));
    if (!tables && !own && !gradients.wants(NORM + ".weight") && !gradients.wants(NORM + ".bias")) {
      return;
    }
    final int pieces = pass.shards().pieces();
    final Partials gamma = new Partials(pieces, d);
    final Partials beta = new Partials(pieces, d);
    Stage.runAll(
        List.of(
            (shard, part, worker) ->
                pass.rows(
                    shard,
                    part,
                    d,
                    (row, rows) -> {
                      final Scratch scratch = pass.scratch()[worker];
                      final int piece = pass.shards().piece(shard, part);
                      throughNorm(row, rows, piece, scratch, stream, saved, gamma, beta);
                      if (atWord != null) {
                        throughWord(row, rows, piece, scratch, stream, words);
                      }
                    })),
        pass.shards(),
        pass.workers());
    pass.hooks().send(site -> site.kind().compareTo(Kind.EMBEDDINGS_OUTPUT) <= 0, gradients);
    gradients.vector(NORM + ".weight", gamma::total);
    gradients.vector(NORM + ".bias", beta::total);
    scatter(WORD, pass.batch().ids(), atWord == null ? stream : words, gradients);
    scatter(POSITION, pass.batch().positions(), stream, gradients);
    scatter(TYPE, pass.batch().typeIds(), stream, gradients);
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
    final int n = rows * d;
    final float[] tile = scratch.tile(0, n);
    final float[] other = scratch.tile(1, n);
    stream.read(row * d, tile, 0, n);
    if (atOutput != null) {
      atOutput.backward(tile, rows, d, row, piece, scratch);
    }
    dropout(tile, n, row);
    saved.normalized().read(row * d, other, 0, n);
    pass.kernels()
        .layerNormBackward(
            tile, rows, d, other, saved.rstd(), row, norm.gamma, gamma.of(piece), beta.of(piece));
    stream.write(row * d, tile, 0, n);
  }

  private void throughWord(
      int row, int rows, int piece, Scratch scratch, Floats stream, Floats words) {
    final float[] tile = scratch.tile(0, rows * d);
    stream.read(row * d, tile, 0, rows * d);
    atWord.backward(tile, rows, d, row, piece, scratch);
    words.write(row * d, tile, 0, rows * d);
  }

  private void scatter(String name, int[] index, Floats stream, GradientStore gradients) {
    if (!gradients.wants(name)) {
      return;
    }
    final Floats table = gradients.matrix(name);
    table.fill(0, table.length(), 0f);
    final float[] row = new float[d];
    final float[] sum = new float[d];
    for (int t = 0; t < pass.batch().tokens(); t++) {
      stream.read(t * d, row, 0, d);
      table.read(index[t] * d, sum, 0, d);
      pass.kernels().add(sum, row, d);
      table.write(index[t] * d, sum, 0, d);
    }
    gradients.done(name);
  }
}
