package dev.bantam.model;

import dev.bantam.model.LayerForward.EncoderShape;
import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.Floats;
import java.util.List;

/** The attention of one layer in one pass: which heads a piece of work runs, and on what memory. */
final class AttentionWork {
  final Pass pass;
  final int layer;
  final int headSize;
  final int width;
  final int heads;
  final LayerBuffers buffers;
  final SiteHook scores;
  final SiteHook probabilities;
  final int tokenColumns;
  final Floats numbers;
  final OwnGradients own;
  final RelativePositions relative;
  final Partials relativeGradient;
  Floats context;
  int contextStride;
  Floats numbersGradient;
  BackwardBuffers gradients;
  private final AttentionStrategy strategy;

  AttentionWork(
      Pass pass,
      int layer,
      int width,
      EncoderShape shape,
      LayerBuffers buffers,
      AttentionStrategy strategy,
      SpareMemory spare) {
    this.pass = pass;
    this.layer = layer;
    this.headSize = shape.headSize();
    this.width = width;
    this.heads = width / headSize;
    this.buffers = buffers;
    this.context = buffers.context;
    this.contextStride = buffers.width;
    this.strategy = strategy;
    this.scores = pass.hooks().at(layer, Kind.ATTENTION_SCORES);
    this.probabilities = pass.hooks().at(layer, Kind.ATTENTION_PROBABILITIES);
    this.tokenColumns = strategy.tokenColumns(heads);
    this.numbers =
        tokenColumns == 0
            ? null
            : spare.get("layer." + layer + ".numbers", pass.batch().tokens() * tokenColumns);
    this.relative = shape.relative();
    this.relativeGradient =
        relative == null ? null : new Partials(pass.shards().pieces(), relative.size());
    this.own =
        new OwnGradients(
            Attachments.attentionName(layer), strategy.parameters(), pass.shards().pieces());
  }

  /** The stages of the forward; {@code input} is what query, key and value saw. */
  List<Stage> forward(Floats input, int hiddenSize) {
    final Stage attend = (shard, part, worker) -> heads(shard, part, worker, strategy::forward);
    if (tokenColumns == 0) {
      return List.of(attend);
    }
    return List.of(
        (shard, part, worker) ->
            pass.rows(
                shard,
                part,
                hiddenSize,
                (row, rows) -> {
                  final float[] x = pass.scratch()[worker].tile(0, rows * hiddenSize);
                  input.read(row * hiddenSize, x, 0, rows * hiddenSize);
                  final float[] y = new float[rows * tokenColumns];
                  strategy.prepareRows(new Tile(x, rows, hiddenSize, -1, -1, row), y);
                  numbers.write(row * tokenColumns, y, 0, y.length);
                }),
        attend);
  }

  /** From the gradient of the context to those of query, key and value. */
  Stage backward(BackwardBuffers target, SpareMemory spare) {
    gradients = target;
    final SiteHook atContext = pass.hooks().at(layer, Kind.ATTENTION_CONTEXT);
    if (atContext != null) {
      context = atContext.value.data();
      contextStride = width;
    }
    if (tokenColumns > 0) {
      numbersGradient = spare.get("numbers.gradient", pass.batch().tokens() * tokenColumns);
      numbersGradient.fill(0, pass.batch().tokens() * tokenColumns, 0f);
    }
    return (shard, part, worker) -> heads(shard, part, worker, strategy::backward);
  }

  /**
   * Adds what the token numbers send back to {@code target}, the gradient of the input, [tokens,
   * d].
   */
  Stage numbersBackward(Floats input, Floats target, int d) {
    return (shard, part, worker) ->
        pass.rows(
            shard,
            part,
            d,
            (row, rows) -> {
              final Scratch scratch = pass.scratch()[worker];
              final float[] x = scratch.tile(0, rows * d);
              final float[] dx = scratch.tile(1, rows * d);
              input.read(row * d, x, 0, rows * d);
              target.read(row * d, dx, 0, rows * d);
              final float[] y = new float[rows * tokenColumns];
              final float[] dy = new float[rows * tokenColumns];
              numbers.read(row * tokenColumns, y, 0, y.length);
              numbersGradient.read(row * tokenColumns, dy, 0, dy.length);
              strategy.prepareRowsBackward(
                  new Tile(x, rows, d, -1, -1, row),
                  y,
                  dy,
                  dx,
                  own.of(pass.shards().piece(shard, part)));
              target.write(row * d, dx, 0, rows * d);
            });
  }

  private interface HeadBody {
    void run(AttentionHead head);
  }

  private void heads(int shard, int part, int worker, HeadBody body) {
    final Shards shards = pass.shards();
    final int first = shards.firstSequence(shard);
    final int pairs = (shards.endSequence(shard) - first) * heads;
    final int end = Shards.share(pairs, part + 1, shards.parts());
    for (int pair = Shards.share(pairs, part, shards.parts()); pair < end; pair++) {
      body.run(
          new AttentionHead(
              this, first + pair / heads, pair % heads, worker, shards.piece(shard, part)));
    }
  }
}
