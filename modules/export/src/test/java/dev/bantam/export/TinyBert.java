package dev.bantam.export;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.HuggingFaceFolder;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.checkpoint.Progress;
import dev.bantam.tensor.Floats;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Models of 5,400 weights. */
final class TinyBert {
  private TinyBert() {}

  /** The sentence encoder of the test resources. */
  static Checkpoint sentenceEncoder() {
    try {
      return HuggingFaceFolder.read(
          Path.of(Objects.requireNonNull(TinyBert.class.getResource("/tiny-bert")).toURI()),
          Progress.NONE);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Random weights in the shape of the sentence encoder. */
  static Checkpoint of(Optional<Head> head, Pooling pooling, boolean normalize, int maxLength) {
    final Checkpoint base = sentenceEncoder();
    final Architecture a = base.architecture();
    final Architecture architecture =
        new Architecture(
            a.modelType(),
            a.vocabularySize(),
            a.positions(),
            a.tokenTypes(),
            a.hiddenSize(),
            a.headSize(),
            a.layers(),
            a.activation(),
            a.normPlacement(),
            a.positionScheme(),
            a.layerNormEps(),
            a.padTokenId(),
            pooling == Pooling.POOLER);
    return Models.random(
        new Checkpoint(
            "tiny",
            architecture,
            head,
            pooling,
            normalize,
            maxLength,
            Map.of(),
            base.tokenizer(),
            base.signature(),
            base.provenance()),
        a.layers().size(),
        5L);
  }

  /** The weights with one value of one tensor replaced. */
  static Map<String, INDArray> changed(Checkpoint model, String name, int at, float value) {
    final Map<String, INDArray> weights = new LinkedHashMap<>(model.parameters());
    final INDArray old = Objects.requireNonNull(weights.get(name), name);
    final float[] values = Floats.toArray(old);
    values[at] = value;
    weights.put(name, Floats.tensor(values, old.shape()));
    return weights;
  }
}
