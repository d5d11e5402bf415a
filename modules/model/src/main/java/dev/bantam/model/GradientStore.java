package dev.bantam.model;

import dev.bantam.tensor.Floats;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Memory for parameter gradients, kept from step to step, and the way to the sink. */
final class GradientStore {
  private final Map<String, Floats> memory = new HashMap<>(); // looked up by name, never iterated
  private final Map<String, Floats> sums = new HashMap<>(); // by name only, of shared tensors
  private final Map<String, Integer> added = new HashMap<>(); // by name only
  private final Function<String, INDArray> parameters;
  private final ToIntFunction<String> uses;
  private GradientSink sink;

  /**
   * @param uses in how many places of the model a parameter takes part; its gradient is the sum of
   *     as many
   */
  GradientStore(Function<String, INDArray> parameters, ToIntFunction<String> uses) {
    this.parameters = parameters;
    this.uses = uses;
  }

  void to(GradientSink target) {
    this.sink = target;
    added.clear();
  }

  boolean wants(String name) {
    return sink.wants(name);
  }

  /** Forgets the memory of the parameters of something attached, which may change its shapes. */
  void forget(String owner) {
    memory.keySet().removeIf(name -> name.startsWith(owner + "/"));
    sums.keySet().removeIf(name -> name.startsWith(owner + "/"));
  }

  /** The gradient's memory; whoever asks overwrites all of it and then calls {@link #done}. */
  Floats matrix(String name) {
    return memory.computeIfAbsent(name, this::room);
  }

  private Floats room(String name) {
    final INDArray like = parameters.apply(name);
    return Floats.of(Nd4j.zeros(like.dataType(), like.shape()));
  }

  /** Sends the gradient, or adds it up until the last of the parameter's places has come. */
  void done(String name) {
    if (!sink.wants(name)) {
      return;
    }
    final int places = uses.applyAsInt(name);
    if (places == 1) {
      sink.accept(name, matrix(name).array());
      return;
    }
    final Floats sum = sums.computeIfAbsent(name, this::room);
    final int before = added.merge(name, 1, Integer::sum) - 1;
    if (before == 0) {
      sum.fill(0, sum.length(), 0f);
    }
    sum.array().addi(matrix(name).array());
    if (before + 1 == places) {
      sink.accept(name, sum.array());
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
