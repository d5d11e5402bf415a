package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Reads the attributes and tensors of an operation in a file, and refuses what is left over. */
final class StoredReader {
  private final String kind;
  private final Map<String, String> attributes;
  private final Map<String, INDArray> tensors;

  StoredReader(StoredOperation stored) {
    this.kind = stored.kind();
    this.attributes = new TreeMap<>(stored.attributes());
    this.tensors = new TreeMap<>(stored.tensors());
  }

  private String take(String name) {
    final String value = attributes.remove(name);
    if (value == null) {
      throw BantamException.badInput("the attribute '" + name + "' of '" + kind + "' is missing.");
    }
    return value;
  }

  /** One of some words. */
  String word(String name, String... words) {
    final String value = take(name);
    if (!List.of(words).contains(value)) {
      throw wrong(name, value, "one of " + String.join(", ", words));
    }
    return value;
  }

  /** A whole number in [min, max]. */
  int integer(String name, int min, int max) {
    final String value = take(name);
    try {
      final int number = Integer.parseInt(value);
      if (number >= min && number <= max && Integer.toString(number).equals(value)) {
        return number;
      }
    } catch (NumberFormatException e) {
      throw wrong(name, value, "a whole number");
    }
    throw wrong(name, value, "in [" + min + ", " + max + "]");
  }

  /** A finite number. */
  float number(String name) {
    final String value = take(name);
    try {
      final float number = Float.parseFloat(value);
      if (Float.isFinite(number)) {
        return number;
      }
    } catch (NumberFormatException e) {
      throw wrong(name, value, "a number");
    }
    throw wrong(name, value, "a finite number");
  }

  /** A vector of finite numbers. */
  float[] vector(String name) {
    final INDArray tensor = tensors.remove(name);
    if (tensor == null) {
      throw BantamException.badInput("the tensor '" + name + "' of '" + kind + "' is missing.");
    }
    if (tensor.rank() != 1) {
      throw BantamException.badInput("the tensor '" + name + "' of '" + kind + "' is no vector.");
    }
    final float[] values = Floats.toArray(tensor);
    for (float value : values) {
      if (!Float.isFinite(value)) {
        throw BantamException.badInput(
            "the tensor '" + name + "' of '" + kind + "' holds " + value + ".");
      }
    }
    return values;
  }

  /** Refuses attributes and tensors that nobody asked for. */
  void finish() {
    final List<String> left = new ArrayList<>(attributes.keySet());
    left.addAll(tensors.keySet());
    if (!left.isEmpty()) {
      throw BantamException.badInput("'" + kind + "' has no " + String.join(", ", left) + ".");
    }
  }

  private BantamException wrong(String name, String value, String expected) {
    return BantamException.badInput(
        "the attribute '" + name + "' of '" + kind + "' is '" + value + "', not " + expected + ".");
  }

  @Override
  public String toString() {
    return "'" + kind + "'";
  }
}
