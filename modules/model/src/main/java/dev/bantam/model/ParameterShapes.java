package dev.bantam.model;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.EncoderParameters;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Pooling;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Names and shapes of every tensor that an architecture needs. */
public final class ParameterShapes {
  private ParameterShapes() {}

  /** Name to shape, in the order of a Hugging Face state dictionary. */
  public static Map<String, long[]> of(Architecture a, Optional<Head> head, Pooling pooling) {
    return EncoderParameters.shapes(a.withPooler(pooling == Pooling.POOLER), head);
  }

  /** Refuses missing and misshaped tensors, all in one message; surplus ones are left alone. */
  static void check(
      Architecture a, Optional<Head> head, Pooling pooling, Map<String, INDArray> parameters) {
    final List<String> problems = new ArrayList<>();
    of(a, head, pooling)
        .forEach(
            (name, shape) -> {
              final INDArray tensor = parameters.get(name);
              if (tensor == null) {
                problems.add("'" + name + "' is missing");
              } else if (!Arrays.equals(tensor.shape(), shape)) {
                problems.add(
                    "'"
                        + name
                        + "' is "
                        + Arrays.toString(tensor.shape())
                        + " and must be "
                        + Arrays.toString(shape));
              }
            });
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(
          "The weights do not fit the architecture: " + String.join("; ", problems));
    }
  }
}
