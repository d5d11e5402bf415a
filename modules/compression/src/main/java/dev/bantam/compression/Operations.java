package dev.bantam.compression;

import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.TreeMap;

/** The kinds of {@link Operation} that are known, and how stored ones come back to a model. */
public final class Operations {
  private Operations() {}

  /**
   * An operation from what a file holds.
   *
   * @throws BantamException (bad input) if the kind is unknown or its description is wrong
   */
  public static Operation decode(StoredOperation stored) {
    final Map<String, OperationFormat> formats = new TreeMap<>();
    for (OperationFormat format : ServiceLoader.load(OperationFormat.class)) {
      formats.put(format.kind(), format);
    }
    final OperationFormat format = formats.get(stored.kind());
    if (format == null) {
      throw BantamException.badInput(
          "its operation '"
              + stored.kind()
              + "' is not known here; known are "
              + formats.keySet()
              + ". Use the Bantam that wrote it, or a later one.");
    }
    return format.decode(stored);
  }

  /**
   * Puts stored operations on a model that has none. Their tensors are used, not copied.
   *
   * @param operations by place
   * @throws BantamException (bad input) naming the place if one is unknown or does not fit
   */
  public static void attach(EncoderModel model, Map<String, StoredOperation> operations) {
    operations.forEach(
        (place, stored) -> {
          try {
            decode(stored).attach(model, place);
          } catch (BantamException e) {
            throw new BantamException(e.exitCode(), "'" + place + "': " + e.getMessage(), e);
          } catch (IllegalArgumentException e) {
            throw BantamException.badInput(
                "The operation '"
                    + stored.kind()
                    + "' does not fit the model at '"
                    + place
                    + "': "
                    + e.getMessage(),
                e);
          }
        });
  }
}
