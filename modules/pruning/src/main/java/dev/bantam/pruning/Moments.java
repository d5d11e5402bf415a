package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.LayerHessian;
import dev.bantam.compression.LayerInputs;
import dev.bantam.compression.SecondMoments;
import dev.bantam.data.LabelledBatch;
import dev.bantam.tensor.BantamException;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.ToLongFunction;

/** H of each input of a layer, until it is asked for. */
record Moments(Map<String, SecondMoments> moments) {
  static Moments of(
      CompressionState state, Map<String, List<String>> inputs, List<LabelledBatch> batches) {
    return new Moments(LayerInputs.moments(state, inputs, batches));
  }

  /**
   * H of an input, which is forgotten here.
   *
   * @param factor makes it from moments and dampening
   * @throws BantamException (bad file) if it is not positive definite
   */
  LayerHessian hessian(
      String input, double dampening, BiFunction<SecondMoments, Double, LayerHessian> factor) {
    try {
      return factor.apply(moments.remove(input), dampening);
    } catch (ArithmeticException e) {
      throw BantamException.badInput(
          "The second moments of the input of '"
              + input
              + "' are not positive definite with 'dampening: "
              + dampening
              + "'. Choose a larger one, or more 'batches'.",
          e);
    }
  }

  /**
   * Bytes on the heap for a layer.
   *
   * @param shapes of its matrices, by the input they read
   * @param matrix bytes that treating a matrix of a shape takes
   */
  static long heapBytes(List<List<long[]>> shapes, ToLongFunction<long[]> matrix) {
    long moments = 0;
    long most = 0;
    for (List<long[]> readers : shapes) {
      final long n = readers.get(0)[1];
      moments += SecondMoments.heapBytes(n);
      for (long[] shape : readers) {
        most = Math.max(most, LayerHessian.heapBytes(n) + matrix.applyAsLong(shape));
      }
    }
    return moments + most;
  }
}
