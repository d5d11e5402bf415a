package dev.bantam.export.onnx;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Architecture.LayerShape;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.Signature;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.DenseTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Groups;
import dev.bantam.compression.TensorSelector;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;

/** Small encoders with random weights, and plain quantizers for them. */
final class RandomModel {
  static final int VOCABULARY = 97;

  private RandomModel() {}

  /** Two layers of width 48. */
  static Checkpoint of(
      Architecture.Activation activation,
      List<LayerShape> layers,
      Pooling pooling,
      Optional<Head> head,
      Signature signature) {
    final Architecture architecture =
        new Architecture(
            "bert",
            VOCABULARY,
            64,
            2,
            48,
            12,
            layers,
            activation,
            Architecture.NormPlacement.POST,
            Architecture.PositionScheme.LEARNED,
            1e-12,
            0,
            pooling == Pooling.POOLER);
    return Models.random(
        new Checkpoint(
            "random",
            architecture,
            head,
            pooling,
            true,
            64,
            Map.of(),
            Optional.empty(),
            signature,
            new Checkpoint.Provenance("drawn", "Apache-2.0", "", "")),
        layers.size(),
        3L);
  }

  static Checkpoint usual() {
    return of(
        Architecture.Activation.GELU_ERF,
        List.of(new LayerShape(4, 80), new LayerShape(4, 80)),
        Pooling.MEAN,
        Optional.empty(),
        Signature.STANDARD);
  }

  static CompressedModel dense(Checkpoint model) {
    return forms(model, (name, tensor) -> tensor);
  }

  /** Each matrix of a layer and the two large tables in another form. */
  static CompressedModel forms(
      Checkpoint model, BiFunction<String, CompressedTensor, CompressedTensor> form) {
    final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
    model
        .parameters()
        .forEach(
            (name, tensor) -> {
              final DenseTensor dense = DenseTensor.float32(tensor);
              final boolean chosen =
                  TensorSelector.isEncoderMatrix(name)
                      || name.matches("embeddings\\.(word|position)_embeddings\\.weight");
              tensors.put(name, chosen ? form.apply(name, dense) : dense);
            });
    return new CompressedModel(tensors);
  }

  /** Codes of a matrix, with a zero point of 1 in each group or without. */
  static GroupedTensor quantize(CompressedTensor tensor, int bits, int width, boolean zeroPoint) {
    final float[] w = Floats.toArray(tensor.dense());
    final int rows = (int) tensor.shape()[0];
    final int columns = (int) tensor.shape()[1];
    final Groups groups = Groups.ofColumns(rows, columns, Math.min(width, columns));
    final int low = -(1 << (bits - 1));
    final int zero = zeroPoint ? 1 : 0;
    final float[] scales = new float[groups.count()];
    final byte[] zeros = new byte[groups.count()];
    final byte[] codes = new byte[w.length];
    for (int i = 0; i < w.length; i++) {
      final int group = groups.at(i / columns, i % columns);
      scales[group] = Math.max(scales[group], Math.abs(w[i]) / Math.max(1, -low - 2));
      zeros[group] = (byte) zero;
    }
    for (int i = 0; i < w.length; i++) {
      final float scale = scales[groups.at(i / columns, i % columns)];
      final double code = Math.rint(w[i] / scale) + zero;
      codes[i] = (byte) Math.max(low, Math.min(-low - 1, code));
    }
    return zeroPoint
        ? GroupedTensor.affine(
            tensor.shape(), bits, groups, codes, scales, zeros, SafetensorsType.F32)
        : GroupedTensor.symmetric(tensor.shape(), bits, groups, codes, scales, SafetensorsType.F32);
  }
}
