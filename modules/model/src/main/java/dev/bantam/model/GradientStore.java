package dev.bantam.model;

import dev.bantam.tensor.Floats;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Memory for parameter gradients, kept from step to step, and the way to the sink. */
final class GradientStore {
  private final Map<String, Floats> memory = new HashMap<>(); // looked up by name, never iterated
  private final Function<String, INDArray> parameters;
  private GradientSink sink;

  GradientStore(Function<String, INDArray> parameters) {
    this.parameters = parameters;
  }

  void to(GradientSink target) {
    this.sink = target;
  }

  boolean wants(String name) {
    return sink.wants(name);
  }

  /** Forgets the memory of the parameters of something attached, which may change its shapes. */
  void forget(String owner) {
    memory.keySet().removeIf(name -> name.startsWith(owner + "/"));
  }

  /** The gradient's memory; whoever asks overwrites all of it and then calls {@link #done}. */
  Floats matrix(String name) {
    return memory.computeIfAbsent(
        name,
        n -> Floats.of(Nd4j.zeros(parameters.apply(n).dataType(), parameters.apply(n).shape())));
  }

  void done(String name) {
    if (sink.wants(name)) {
      sink.accept(name, matrix(name).array());
    }
  }

  /** Sends the gradient of a vector (or of any tensor at hand on the heap). */
  void vector(String name, Supplier<float[]> values) {
    if (sink.wants(name)) {
      final float[] v = values.get();
      matrix(name).write(0, v, 0, v.length);
      done(name);
    }
  }
}
