package dev.bantam.model;

import dev.bantam.model.LayerForward.EncoderShape;
import dev.bantam.model.LayerWeights.Linear;
import dev.bantam.model.Site.Kind;
import dev.bantam.model.WeightGradients.Product;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The backward of {@link LayerForward}, block by block in reverse. */
final class LayerBackward {
  private final Pass pass;
  private final int layer;
  private final LayerWeights weights;
  private final LayerBuffers saved;
  private final BackwardBuffers buffers;
  private final Floats input;
  private final EncoderShape shape;
  private final AttentionStrategy strategy;
  private final GradientStore gradients;
  private final SpareMemory spare;
  private final WeightGradients weightGradients;
  private final int d;

  LayerBackward(
      Pass pass,
      int layer,
      LayerWeights weights,
      LayerBuffers saved,
      BackwardBuffers buffers,
      Floats input,
      EncoderShape shape,
      AttentionStrategy strategy,
      GradientStore gradients,
      SpareMemory spare) {
    this.pass = pass;
    this.layer = layer;
    this.weights = weights;
    this.saved = saved;
    this.buffers = buffers;
    this.input = input;
    this.shape = shape;
    this.strategy = strategy;
    this.gradients = gradients;
    this.spare = spare;
    this.weightGradients = new WeightGradients(pass, gradients);
    this.d = shape.hiddenSize();
  }

  /** Turns the gradient of the layer's output in {@code stream} into that of its input. */
  void run() {
    ffn();
    attention();
    pass.hooks().send(site -> site.layer() == layer, gradients);
  }

  private void ffn() {
    final int f = weights.ffnWidth();
    final int pieces = pass.shards().pieces();
    final AddAndNormalize.Sums sums = AddAndNormalize.Sums.of(pieces, d);
    final Partials upBias = new Partials(pieces, f);
    final OwnGradients downOwn = weightGradients.own(weights.down);
    final OwnGradients upOwn = weightGradients.own(weights.up);
    final Floats ffnInput = branch(Kind.FFN_INPUT, saved.attention);
    final List<Stage> stages = new ArrayList<>();
    stages.add(
        addAndNormalize(
                AddAndNormalize.Sites.FFN,
                saved.attention,
                weights.outputNorm,
                saved.outputNormalized,
                saved.outputRstd)
            .backward(buffers.stream, buffers.block, sums));
    stages.add(
        (shard, part, worker) ->
            multiply(
                weights.down,
                downOwn,
                saved.hidden,
                buffers.block,
                buffers.hidden,
                0f,
                shard,
                part));
    siteBackward(stages, Kind.FFN_HIDDEN, buffers.hidden, f, 0, 1);
    stages.add((shard, part, worker) -> throughActivation(upBias, shard, part, worker));
    final Floats target = branchGradient(Kind.FFN_INPUT);
    final float beta = target == buffers.stream ? 1f : 0f;
    stages.add(
        (shard, part, worker) ->
            multiply(weights.up, upOwn, ffnInput, buffers.hidden, target, beta, shard, part));
    joinBranch(stages, Kind.FFN_INPUT, target);
    runStages(stages);
    norm(weights.outputNorm.name, sums);
    gradients.vector(weights.prefix + "output.dense.bias", sums.bias()::total);
    gradients.vector(weights.prefix + "intermediate.dense.bias", upBias::total);
    final int tokens = pass.batch().tokens();
    weightGradients.run(
        List.of(
            new Product(weights.down, downOwn, saved.hidden, buffers.block, d, 0, tokens),
            new Product(weights.up, upOwn, ffnInput, buffers.hidden, f, 0, tokens)));
  }

  private void attention() {
    final int width = weights.attentionWidth();
    final int pieces = pass.shards().pieces();
    final AddAndNormalize.Sums sums = AddAndNormalize.Sums.of(pieces, d);
    final Partials biases = new Partials(pieces, 3 * width);
    final OwnGradients outputOwn = weightGradients.own(weights.attentionOutput);
    final List<OwnGradients> own =
        weights.projections().stream().map(weightGradients::own).toList();
    final Floats x = branch(Kind.ATTENTION_INPUT, input);
    final AttentionWork work = new AttentionWork(pass, layer, width, shape, saved, strategy, spare);
    final List<Stage> stages = new ArrayList<>();
    stages.add(
        addAndNormalize(
                AddAndNormalize.Sites.ATTENTION,
                input,
                weights.attentionNorm,
                saved.attentionNormalized,
                saved.attentionRstd)
            .backward(buffers.stream, buffers.block, sums));
    stages.add(
        (shard, part, worker) ->
            multiply(
                weights.attentionOutput,
                outputOwn,
                saved.context,
                buffers.block,
                buffers.context,
                0f,
                shard,
                part));
    siteBackward(stages, Kind.ATTENTION_CONTEXT, buffers.context, width, 0, 1);
    stages.add(work.backward(buffers, spare));
    siteBackward(stages, Kind.ATTENTION_QUERY, buffers.queryKeyValue, width, 0, 3);
    siteBackward(stages, Kind.ATTENTION_KEY, buffers.queryKeyValue, width, 1, 3);
    siteBackward(stages, Kind.ATTENTION_VALUE, buffers.queryKeyValue, width, 2, 3);
    final Floats target = branchGradient(Kind.ATTENTION_INPUT);
    stages.add((shard, part, worker) -> throughProjections(x, own, target, shard, part));
    if (work.tokenColumns > 0) {
      stages.add(work.numbersBackward(x, target, d));
    }
    joinBranch(stages, Kind.ATTENTION_INPUT, target);
    stages.add((shard, part, worker) -> projectionBias(biases, shard, part, worker));
    runStages(stages);
    norm(weights.attentionNorm.name, sums);
    gradients.vector(weights.prefix + "attention.output.dense.bias", sums.bias()::total);
    work.own.send(gradients);
    if (work.relative != null) {
      gradients.vector(RelativePositions.NAME, work.relativeGradient::total);
    }
    final float[] bias = biases.total();
    final int tokens = pass.batch().tokens();
    final List<Product> products = new ArrayList<>();
    products.add(
        new Product(
            weights.attentionOutput, outputOwn, saved.context, buffers.block, d, 0, tokens));
    for (int i = 0; i < own.size(); i++) {
      final Linear linear = weights.projections().get(i);
      final int from = i * width;
      gradients.vector(
          linear.name().replace(".weight", ".bias"),
          () -> Arrays.copyOfRange(bias, from, from + width));
      products.add(
          new Product(linear, own.get(i), x, buffers.queryKeyValue, 3 * width, from, tokens));
    }
    weightGradients.run(products);
  }

  private AddAndNormalize addAndNormalize(
      AddAndNormalize.Sites sites,
      Floats residual,
      LayerWeights.Norm norm,
      Floats normalized,
      float[] rstd) {
    return new AddAndNormalize(
        pass, layer, d, shape.eps(), sites, null, null, residual, norm, normalized, rstd);
  }

  private void runStages(List<Stage> stages) {
    Stage.runAll(stages, pass.shards(), pass.workers());
  }

  private void norm(String name, AddAndNormalize.Sums sums) {
    gradients.vector(name + ".weight", sums.gamma()::total);
    gradients.vector(name + ".bias", sums.beta()::total);
  }

  /** What the matrices behind a branching site saw in the forward. */
  private Floats branch(Kind kind, Floats source) {
    return LayerForward.branch(pass, layer, kind, source, d, spare);
  }

  /** Where their gradients are gathered: in the stream, or apart if something sits at the site. */
  private Floats branchGradient(Kind kind) {
    return pass.hooks().at(layer, kind) == null
        ? buffers.stream
        : spare.get("branch gradient", pass.batch().tokens() * d);
  }

  /** Passes a branch's gradient through its site and adds it to the stream. */
  private void joinBranch(List<Stage> stages, Kind kind, Floats gradient) {
    final SiteHook hook = pass.hooks().at(layer, kind);
    if (hook == null) {
      return;
    }
    stages.add(
        (shard, part, worker) ->
            pass.rows(
                shard,
                part,
                d,
                (row, rows) -> {
                  final Scratch scratch = pass.scratch()[worker];
                  final int n = rows * d;
                  final float[] tile = scratch.tile(0, n);
                  final float[] sum = scratch.tile(1, n);
                  gradient.read(row * d, tile, 0, n);
                  hook.backward(tile, rows, d, row, pass.shards().piece(shard, part), scratch);
                  buffers.stream.read(row * d, sum, 0, n);
                  pass.kernels().add(sum, tile, n);
                  buffers.stream.write(row * d, sum, 0, n);
                }));
  }

  /** Passes the gradient of one of {@code count} matrices side by side through a site. */
  private void siteBackward(
      List<Stage> stages, Kind kind, Floats data, int columns, int which, int count) {
    final SiteHook hook = pass.hooks().at(layer, kind);
    if (hook == null) {
      return;
    }
    stages.add(
        (shard, part, worker) ->
            pass.rows(
                shard,
                part,
                columns,
                (row, rows) -> {
                  final Scratch scratch = pass.scratch()[worker];
                  final float[] tile = scratch.tile(0, rows * columns);
                  final Matrix at =
                      new Matrix(data, (row * count + which) * columns, count * columns);
                  Scratch.read(at, rows, columns, tile);
                  hook.backward(
                      tile, rows, columns, row, pass.shards().piece(shard, part), scratch);
                  Scratch.write(at, rows, columns, tile);
                }));
  }

  /** {@code dX[:, part] = beta dX + dY W[:, part]}. */
  private void multiply(
      Linear linear,
      OwnGradients own,
      Floats x,
      Floats dy,
      Floats dx,
      float beta,
      int shard,
      int part) {
    final int inputs = linear.inputs();
    final int outputs = linear.outputs();
    final int row = pass.shards().firstRow(shard);
    linear
        .operator()
        .backwardInput(
            new Matrix(x, row * inputs, inputs),
            new Matrix(dy, row * outputs, outputs),
            pass.shards().endRow(shard) - row,
            new Matrix(dx, row * inputs, inputs),
            Shards.cut(inputs, part, pass.shards().parts()),
            Shards.cut(inputs, part + 1, pass.shards().parts()),
            beta,
            own.of(pass.shards().piece(shard, part)));
  }

  /** From the gradient of the activation's output to that of its input. */
  private void throughActivation(Partials upBias, int shard, int part, int worker) {
    final int f = weights.ffnWidth();
    final int from = Shards.cut(f, part, pass.shards().parts());
    final int columns = Shards.cut(f, part + 1, pass.shards().parts()) - from;
    if (columns == 0) {
      return;
    }
    final int step = Scratch.tileRows(columns);
    final float[] tile = pass.scratch()[worker].tile(0, step * columns);
    final float[] other = pass.scratch()[worker].tile(1, step * columns);
    final float[] sums = upBias.of(pass.shards().piece(shard, part));
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

  /** Adds what q, k and v send back to {@code target}. */
  private void throughProjections(
      Floats x, List<OwnGradients> own, Floats target, int shard, int part) {
    final int width = weights.attentionWidth();
    final int from = Shards.cut(d, part, pass.shards().parts());
    final int to = Shards.cut(d, part + 1, pass.shards().parts());
    final int row = pass.shards().firstRow(shard);
    final int rows = pass.shards().endRow(shard) - row;
    for (int i = 0; i < own.size(); i++) {
      weights
          .projections()
          .get(i)
          .operator()
          .backwardInput(
              new Matrix(x, row * d, d),
              new Matrix(buffers.queryKeyValue, row * 3 * width + i * width, 3 * width),
              rows,
              new Matrix(target, row * d, d),
              from,
              to,
              i > 0 || target == buffers.stream ? 1f : 0f,
              own.get(i).of(pass.shards().piece(shard, part)));
    }
  }

  private void projectionBias(Partials biases, int shard, int part, int worker) {
    final int width = 3 * weights.attentionWidth();
    final int from = Shards.cut(width, part, pass.shards().parts());
    final int columns = Shards.cut(width, part + 1, pass.shards().parts()) - from;
    if (columns == 0) {
      return;
    }
    final int step = Scratch.tileRows(columns);
    final float[] tile = pass.scratch()[worker].tile(0, step * columns);
    final float[] sums = biases.of(pass.shards().piece(shard, part));
    final int end = pass.shards().endRow(shard);
    for (int row = pass.shards().firstRow(shard); row < end; row += step) {
      final int rows = Math.min(step, end - row);
      Scratch.read(
          new Matrix(buffers.queryKeyValue, row * width + from, width), rows, columns, tile);
      pass.kernels().addColumnSums(tile, rows, columns, sums, from);
    }
  }
}
