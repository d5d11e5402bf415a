package dev.bantam.checkpoint;

import dev.bantam.checkpoint.Architecture.Activation;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The head that predicts the words behind masked tokens: {@code LN(f(W h + b)) E^T + c}, where E
 * are the encoder's word embeddings. Its weights are kept apart from the encoder's, because no task
 * and no step touches them.
 *
 * @param weights {@value #DENSE} and {@value #NORM} with {@code .weight} and {@code .bias}, and
 *     {@value #BIAS}; float32, C order
 * @param activation f
 */
public record MaskedLanguageHead(Map<String, INDArray> weights, Activation activation) {
  /** The dense layer, to the width of the embeddings. */
  public static final String DENSE = "cls.predictions.transform.dense";

  /** The LayerNorm behind it, with the encoder's epsilon. */
  public static final String NORM = "cls.predictions.transform.LayerNorm";

  /** A number for each word. */
  public static final String BIAS = "cls.predictions.bias";

  public MaskedLanguageHead {
    weights = Collections.unmodifiableMap(new LinkedHashMap<>(weights));
    Objects.requireNonNull(activation, "activation");
  }

  /** Shapes by name, in a fixed order. */
  public static Map<String, long[]> shapes(Architecture a) {
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    final long e = a.embeddings().width();
    shapes.put(DENSE + ".weight", new long[] {e, a.hiddenSize()});
    shapes.put(DENSE + ".bias", new long[] {e});
    shapes.put(NORM + ".weight", new long[] {e});
    shapes.put(NORM + ".bias", new long[] {e});
    shapes.put(BIAS, new long[] {a.vocabularySize()});
    return Collections.unmodifiableMap(shapes);
  }

  /**
   * Reads the head of a folder, if it has one.
   *
   * @throws dev.bantam.tensor.BantamException (bad input) if a part of it is missing or misshaped
   */
  static Optional<MaskedLanguageHead> read(Path folder, Architecture architecture) {
    final WeightNames names = WeightNames.of(architecture);
    final Map<String, String> stored = new LinkedHashMap<>();
    final Map<String, long[]> shapes = shapes(architecture);
    try (WeightSource source = SafetensorsFolder.open(folder)) {
      for (final String name : source.names()) {
        names.maskedLanguage(name).filter(shapes::containsKey).ifPresent(n -> stored.put(n, name));
      }
      if (!stored.containsKey(BIAS)) {
        return Optional.empty();
      }
      final Problems problems =
          new Problems("The head for masked tokens in " + folder + " cannot be read");
      shapes.forEach(
          (name, shape) -> {
            if (!stored.containsKey(name)) {
              problems.add("missing: '" + name + "'");
            } else if (!Arrays.equals(shape, source.shape(stored.get(name)))) {
              problems.add(
                  "wrong shape: '"
                      + stored.get(name)
                      + "' is "
                      + Arrays.toString(source.shape(stored.get(name)))
                      + ", not "
                      + Arrays.toString(shape));
            }
          });
      problems.throwIfAny();
      final Map<String, INDArray> weights = new LinkedHashMap<>();
      shapes.keySet().forEach(name -> weights.put(name, source.floats(stored.get(name))));
      HuggingFaceFolder.checkFinite(folder.toString(), weights);
      return Optional.of(new MaskedLanguageHead(weights, names.maskedActivation(architecture)));
    }
  }
}
