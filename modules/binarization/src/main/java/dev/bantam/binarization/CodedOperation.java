package dev.bantam.binarization;

import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.Operation;
import dev.bantam.compression.OperationFormat;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Coded activations in a stored model: at a site, or at a matrix, whose products then run on bits.
 * The bits are packed from the model's restored float weight, which stays in memory beside them.
 *
 * <p>Attributes are {@code input} ({@code sign}, {@code step}, {@code range} or {@code elastic}),
 * {@code bits}, for elastic inputs {@code signed}, and at a matrix {@code weight} ({@code binary}
 * or {@code ternary}). Elastic inputs have the tensor {@code scale} [1], and {@code move} [inputs]
 * where thresholds were learned.
 */
final class CodedOperation implements Operation {
  static final String KIND = "coded-input";

  private static final String INPUT = "input";
  private static final String BITS = "bits";
  private static final String SIGNED = "signed";
  private static final String WEIGHT = "weight";
  private static final String BINARY = "binary";
  private static final String TERNARY = "ternary";

  private final Map<String, String> attributes;
  private final InputCoder coder;

  private CodedOperation(Map<String, String> attributes, InputCoder coder) {
    this.attributes = attributes;
    this.coder = coder;
  }

  /** Coded activations at a site. */
  static CodedOperation atSite(InputCoder coder) {
    return new CodedOperation(describe(coder), coder);
  }

  /** Coded inputs of a matrix of two or three values a row. */
  static CodedOperation atMatrix(InputCoder coder, boolean ternary) {
    final Map<String, String> attributes = describe(coder);
    attributes.put(WEIGHT, ternary ? TERNARY : BINARY);
    return new CodedOperation(attributes, coder);
  }

  private static Map<String, String> describe(InputCoder coder) {
    final Map<String, String> attributes = new LinkedHashMap<>();
    if (coder instanceof SignInput) {
      attributes.put(INPUT, "sign");
      attributes.put(BITS, "1");
    } else if (coder instanceof RangeInput range && range.clip() == TernaryWeights.CLIP) {
      attributes.put(INPUT, "range");
      attributes.put(BITS, Integer.toString(range.bits()));
    } else if (coder instanceof StepInput) {
      attributes.put(INPUT, "step");
      attributes.put(BITS, "1");
    } else if (coder instanceof ElasticInput elastic && elastic.shift() == 0f) {
      attributes.put(INPUT, "elastic");
      attributes.put(BITS, Integer.toString(elastic.elastic().bits()));
      attributes.put(SIGNED, Boolean.toString(elastic.elastic().signed()));
    } else {
      throw new IllegalArgumentException("No stored form of " + coder);
    }
    return attributes;
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Map<String, String> attributes() {
    return attributes;
  }

  @Override
  public Map<String, INDArray> tensors() {
    return coder.parameters();
  }

  @Override
  public void attach(EncoderModel model, String place) {
    if (!attributes.containsKey(WEIGHT)) {
      model.attach(place, new CodedTransform(coder));
      return;
    }
    final INDArray weight = model.weights().get(place);
    if (weight == null || weight.rank() != 2) {
      throw new IllegalArgumentException("there is no matrix of this name");
    }
    final INDArray move = coder.parameters().get(ElasticInput.MOVE);
    if (move != null && move.length() != weight.size(1)) {
      throw new IllegalArgumentException(
          "its tensor 'move' has "
              + move.length()
              + " values for a matrix of "
              + weight.size(1)
              + " inputs");
    }
    model.setOperator(
        place, PackedLinear.of(weight, attributes.get(WEIGHT).equals(TERNARY), coder));
  }

  /** Reads what {@link CodedOperation} says of itself. */
  public static final class Format implements OperationFormat {
    @Override
    public String kind() {
      return KIND;
    }

    @Override
    public Operation decode(StoredOperation stored) {
      final Set<String> left = new TreeSet<>(stored.attributes().keySet());
      final String input = one(stored, INPUT, left, "sign", "step", "range", "elastic");
      final int bits =
          Integer.parseInt(one(stored, BITS, left, "1", "2", "3", "4", "5", "6", "7", "8"));
      final InputCoder coder = coder(stored, input, bits, left);
      final boolean matrix = left.contains(WEIGHT);
      final boolean ternary = matrix && one(stored, WEIGHT, left, BINARY, TERNARY).equals(TERNARY);
      if (!left.isEmpty()) {
        throw BantamException.badInput("its attributes " + left + " are not known.");
      }
      if (!coder.parameters().keySet().equals(stored.tensors().keySet())) {
        throw BantamException.badInput(
            "its tensors are "
                + stored.tensors().keySet()
                + " and should be "
                + coder.parameters().keySet()
                + ".");
      }
      return matrix ? atMatrix(coder, ternary) : atSite(coder);
    }

    private static InputCoder coder(
        StoredOperation stored, String input, int bits, Set<String> left) {
      switch (input) {
        case "sign":
        case "step":
          if (bits != 1) {
            throw BantamException.badInput(
                "its input '" + input + "' has 1 bit, not " + bits + ".");
          }
          return input.equals("sign") ? new SignInput() : new StepInput();
        case "range":
          if (bits < 2) {
            throw BantamException.badInput("its input 'range' has 2 to 8 bits, not " + bits + ".");
          }
          return new RangeInput(bits, TernaryWeights.CLIP);
        default:
          final boolean signed = Boolean.parseBoolean(one(stored, SIGNED, left, "true", "false"));
          final INDArray scale = stored.tensors().get(ElasticInput.SCALE);
          if (scale == null || scale.length() != 1 || !(scale.getFloat(0) > 0)) {
            throw BantamException.badInput("its tensor 'scale' has to be one number above 0.");
          }
          return new ElasticInput(
              new Elastic(bits, signed), scale, stored.tensors().get(ElasticInput.MOVE), 0f, 1, 1);
      }
    }

    private static String one(
        StoredOperation stored, String key, Set<String> left, String... values) {
      final String value = stored.attributes().get(key);
      if (!java.util.List.of(values).contains(value == null ? "" : value)) {
        throw BantamException.badInput(
            "its attribute '"
                + key
                + "' is '"
                + value
                + "' and should be one of "
                + java.util.List.of(values)
                + ".");
      }
      left.remove(key);
      return value;
    }
  }
}
