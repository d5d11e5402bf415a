package dev.bantam.model;

import dev.bantam.model.LayerForward.EncoderShape;
import dev.bantam.model.LayerWeights.Linear;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Single layers and modules as pure functions, on memory of their own. */
final class LayerRunner {
  private final EncoderModel model;
  private final EncoderShape shape;
  private final Attachments attachments;
  private final Workers workers;
  private final PassFactory passes;
  private final SpareMemory spare = new SpareMemory();
  private LayerBuffers buffers;
  private int tokens;
  private boolean frozen;

  /** Makes a pass over sequences that start at the given offsets. */
  interface PassFactory {
    Pass of(int[] offsets, boolean transforms);
  }

  LayerRunner(
      EncoderModel model,
      EncoderShape shape,
      Attachments attachments,
      Workers workers,
      PassFactory passes) {
    this.model = model;
    this.shape = shape;
    this.attachments = attachments;
    this.workers = workers;
    this.passes = passes;
  }

  /** Whether the model's own operators are prepared already. */
  void frozen(boolean is) {
    this.frozen = is;
  }

  INDArray runLayer(int layer, INDArray hidden, int[] offsets, Map<String, INDArray> replaced) {
    checkRows("hidden", hidden, offsets, shape.hiddenSize());
    final Pass pass = passes.of(offsets, true);
    final LayerForward forward = forward(pass, layer, Floats.of(hidden), weights(layer, replaced));
    Stage.runAll(forward.stages(), pass.shards(), workers);
    return copy(buffers.output, shape.hiddenSize(), hidden.size(0), shape.hiddenSize());
  }

  INDArray runModule(Site site, INDArray x, int[] offsets, Map<String, INDArray> replaced) {
    final Pass pass = passes.of(offsets, false);
    final LayerWeights weights = weights(site.layer(), replaced);
    return switch (site.kind()) {
      case ATTENTION_INPUT -> {
        checkRows("x", x, offsets, shape.hiddenSize());
        final LayerForward forward = forward(pass, site.layer(), Floats.of(x), weights);
        Stage.runAll(forward.attentionStages(), pass.shards(), workers);
        yield copy(buffers.context, buffers.width, x.size(0), weights.attentionWidth());
      }
      case ATTENTION_CONTEXT ->
          product(pass, weights.attentionOutput, weights.attentionBias, x, offsets);
      case FFN_INPUT -> product(pass, weights.up, weights.upBias, x, offsets);
      case FFN_HIDDEN -> product(pass, weights.down, weights.downBias, x, offsets);
      default ->
          throw new IllegalArgumentException(
              "No module stands behind '"
                  + site
                  + "'. Choose attention.input, attention.context, ffn.input or ffn.hidden of a"
                  + " layer.");
    };
  }

  private LayerForward forward(Pass pass, int layer, Floats input, LayerWeights weights) {
    final int needed = pass.batch().tokens();
    if (buffers == null || tokens < needed) {
      if (buffers != null) {
        buffers.close();
      }
      tokens = needed;
      final var layers = model.architecture().layers();
      final int heads = layers.stream().mapToInt(l -> l.heads()).max().orElse(1);
      final int f = layers.stream().mapToInt(l -> l.ffnWidth()).max().orElse(1);
      buffers = new LayerBuffers(tokens, heads * shape.headSize(), shape.hiddenSize(), f, 0, false);
    }
    return new LayerForward(
        pass,
        layer,
        weights,
        buffers,
        input,
        shape.with(attachments.activation(layer)),
        attachments.attention(layer),
        spare);
  }

  private LayerWeights weights(int layer, Map<String, INDArray> replaced) {
    final int number = model.architecture().layerWeights().get(layer);
    final String prefix = LayerWeights.prefix(number);
    replaced.forEach(
        (name, tensor) -> {
          final INDArray own = model.parameters().get(name);
          if (own == null || !name.startsWith(prefix)) {
            throw new IllegalArgumentException(
                "'"
                    + name
                    + "' is no weight of layer "
                    + layer
                    + ", whose names start with "
                    + prefix);
          }
          if (!Arrays.equals(own.shape(), tensor.shape())) {
            throw new IllegalArgumentException(
                "'"
                    + name
                    + "' is "
                    + Arrays.toString(own.shape())
                    + ", not "
                    + Arrays.toString(tensor.shape()));
          }
        });
    final Function<String, Floats> vectors =
        name -> replaced.containsKey(name) ? Floats.of(replaced.get(name)) : model.view(name);
    final LayerWeights weights =
        new LayerWeights(
            number,
            vectors,
            name ->
                replaced.containsKey(name)
                    ? new DenseLinear(replaced.get(name))
                    : model.operator(name));
    LinearOperator.prepareAll(
        weights.linears().stream()
            .filter(linear -> !frozen || replaced.containsKey(linear.name()))
            .map(Linear::operator)
            .toList(),
        false,
        workers);
    return weights;
  }

  private INDArray product(Pass pass, Linear linear, float[] bias, INDArray x, int[] offsets) {
    checkRows("x", x, offsets, linear.inputs());
    final Floats y = Floats.zeros(x.size(0), linear.outputs());
    final Stage stage =
        LayerForward.product(pass, linear, Floats.of(x), linear.inputs(), y, linear.outputs());
    final int columns = linear.outputs();
    final Stage addBias =
        (shard, part, worker) ->
            pass.rows(
                shard,
                part,
                columns,
                (row, rows) -> {
                  final float[] tile = pass.scratch()[worker].tile(0, rows * columns);
                  y.read(row * columns, tile, 0, rows * columns);
                  pass.kernels().addBias(tile, rows, columns, bias, 0);
                  y.write(row * columns, tile, 0, rows * columns);
                });
    Stage.runAll(List.of(stage, addBias), pass.shards(), workers);
    return y.array();
  }

  private static void checkRows(String what, INDArray rows, int[] offsets, int columns) {
    if (rows.rank() != 2
        || rows.size(1) != columns
        || rows.size(0) != offsets[offsets.length - 1]) {
      throw new IllegalArgumentException(
          what
              + " is "
              + Arrays.toString(rows.shape())
              + " and must be ["
              + offsets[offsets.length - 1]
              + ", "
              + columns
              + "]");
    }
  }

  private static INDArray copy(Floats rows, int stride, long count, int columns) {
    final float[] values = new float[Math.toIntExact(count * columns)];
    for (int r = 0; r < count; r++) {
      rows.read(r * stride, values, r * columns, columns);
    }
    return Floats.tensor(values, count, columns);
  }
}
