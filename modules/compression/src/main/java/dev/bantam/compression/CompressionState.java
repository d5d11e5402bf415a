package dev.bantam.compression;

import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Hashes;
import dev.bantam.tensor.Seeds;
import dev.bantam.tensor.Workers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A model while steps work on it: its live weights and the forms decided so far.
 *
 * <p>A weight that has a form equals what the form restores to, bit for bit: a later step, and the
 * evaluation, see exactly what the file will give.
 */
public final class CompressionState {
  private final Map<String, INDArray> weights;
  private final Map<String, CompressedTensor> forms = new LinkedHashMap<>();
  private final Map<String, Operation> operations = new TreeMap<>();
  private final long seed;
  private final StepResources resources;

  /**
   * @param weights live tensors of the model by name, changed by steps
   * @param seed of this run, for draws
   * @param resources what steps may use beside the weights
   */
  public CompressionState(Map<String, INDArray> weights, long seed, StepResources resources) {
    this.weights = Collections.unmodifiableMap(new LinkedHashMap<>(weights));
    this.seed = seed;
    this.resources = resources;
  }

  /** A state for work on the weights alone, on the calling thread. */
  public CompressionState(Map<String, INDArray> weights, long seed) {
    this(weights, seed, StepResources.weightsOnly(new Workers(1)));
  }

  /** What steps may use beside the weights. */
  public StepResources resources() {
    return resources;
  }

  /** Names and live tensors, in the model's order. */
  public Map<String, INDArray> weights() {
    return weights;
  }

  /** A copy of one weight, row-major. */
  public float[] weight(String name) {
    return Floats.toArray(tensor(name));
  }

  /**
   * As {@link #weight}.
   *
   * @throws dev.bantam.tensor.BantamException (bad input) if a value is NaN or infinite
   */
  public float[] finiteWeight(String name) {
    final float[] weight = weight(name);
    for (int i = 0; i < weight.length; i++) {
      if (!Float.isFinite(weight[i])) {
        throw BantamException.badInput(
            "Tensor '"
                + name
                + "' holds "
                + weight[i]
                + " at position "
                + i
                + ", so it cannot be compressed. Repair the model, or list the tensor under"
                + " 'skip'.");
      }
    }
    return weight;
  }

  /** Names and shapes, in the model's order. */
  public Map<String, long[]> shapes() {
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    weights.forEach((name, tensor) -> shapes.put(name, tensor.shape()));
    return shapes;
  }

  /** The form decided for a weight, if any. */
  public Optional<CompressedTensor> form(String name) {
    return Optional.ofNullable(forms.get(name));
  }

  /** Decides a form and replaces the live weight by what the form restores to. */
  public void put(String name, CompressedTensor form) {
    final INDArray dense = form.dense();
    final Floats target = Floats.of(tensor(name));
    if (dense.length() != target.length()) {
      throw new IllegalArgumentException(
          "The form of '"
              + name
              + "' has "
              + dense.length()
              + " of "
              + target.length()
              + " values");
    }
    final Floats restored = Floats.of(dense);
    target.copy(0, restored, 0, target.length());
    restored.close();
    forms.put(name, form);
  }

  /** What the model does besides multiplying with its weights, by place. */
  public Map<String, Operation> operations() {
    return Collections.unmodifiableMap(operations);
  }

  /**
   * Notes operations that the live model has already, as it came with them.
   *
   * @param attached by place
   */
  public void carry(Map<String, Operation> attached) {
    operations.putAll(attached);
  }

  /**
   * Gives the live model an operation, in place of the one that it has there, if any. It is stored
   * with the weights.
   *
   * @param place as {@link Operation} says
   * @throws IllegalArgumentException if the model has no such place
   * @throws BantamException (usage) if there are only weights and no model
   */
  public void attach(String place, Operation operation) {
    final EncoderModel model = encoder();
    final boolean replaces = operations.put(place, operation) != null;
    if (replaces) {
      attachAll(model);
    } else {
      operation.attach(model, place);
    }
  }

  /** Takes the operation off a place, if there is one. */
  public void detach(String place) {
    if (operations.remove(place) != null) {
      attachAll(encoder());
    }
  }

  private void attachAll(EncoderModel model) {
    model.detachAll();
    operations.forEach((place, operation) -> operation.attach(model, place));
  }

  private EncoderModel encoder() {
    if (resources.model() instanceof EncoderModel model) {
      return model;
    }
    throw new BantamException(
        ExitCode.USAGE,
        "A step changes what passes between the layers of an encoder, and this model is none.");
  }

  /** SHA-256 of all live weights and operations: for keys of what is computed from them. */
  public String weightsHash() {
    final MessageDigest digest = Hashes.sha256();
    weights.values().forEach(tensor -> update(digest, tensor));
    operations.forEach(
        (place, operation) -> {
          final String settings = place + operation.kind() + operation.attributes();
          digest.update(settings.getBytes(StandardCharsets.UTF_8));
          operation.tensors().values().forEach(tensor -> update(digest, tensor));
        });
    return Hashes.hex(digest);
  }

  private static void update(MessageDigest digest, INDArray tensor) {
    final ByteBuffer bytes = ByteBuffer.allocate(1 << 16);
    final float[] tile = new float[bytes.capacity() / Float.BYTES];
    final Floats values = Floats.of(tensor);
    for (int from = 0; from < values.length(); from += tile.length) {
      final int n = Math.min(tile.length, values.length() - from);
      values.read(from, tile, 0, n);
      bytes.clear().asFloatBuffer().put(tile, 0, n);
      digest.update(bytes.array(), 0, n * Float.BYTES);
    }
  }

  /** Seed of a draw for one tensor. */
  public long seed(String tensor, String purpose) {
    return Seeds.derive(seed, tensor, purpose);
  }

  /** All weights in their decided forms, what no step touched float32, and all operations. */
  public CompressedModel finish() {
    final Map<String, CompressedTensor> all = new LinkedHashMap<>();
    weights.forEach(
        (name, tensor) -> {
          final CompressedTensor form = forms.get(name);
          all.put(name, form == null ? DenseTensor.float32(tensor) : form);
        });
    final Map<String, StoredOperation> stored = new TreeMap<>();
    operations.forEach((place, operation) -> stored.put(place, operation.stored()));
    return new CompressedModel(all, stored);
  }

  private INDArray tensor(String name) {
    final INDArray tensor = weights.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("The model has no parameter '" + name + "'");
    }
    return tensor;
  }
}
