package dev.bantam.compression;

import java.util.List;
import java.util.Map;
import java.util.Set;

/** One step of a recipe: what the user asked for, checked, and how to do it. */
public interface Step {
  /**
   * Finds everything that stands in the way, before any work is done.
   *
   * @param shapes names and shapes of the model's parameters, in order
   */
  List<StepProblem> check(Map<String, long[]> shapes);

  /**
   * Whether the step learns from labels: trains, or takes gradients of the loss. Such a step is
   * refused for tasks that have none; {@link StepResources#task} says which head there is.
   */
  default boolean needsLabels() {
    return false;
  }

  /**
   * What the {@linkplain Operation operations} need that the step gives the model, so that it can
   * be exported only in a format that holds them; empty if it gives none.
   */
  default Set<Operation.Effect> addsOperations() {
    return Set.of();
  }

  /**
   * What the step will do, as far as the shapes tell; for plans.
   *
   * @param shapes as for {@link #check}, which found nothing
   * @param before what earlier steps will have done, by tensor
   * @return the tensors it will touch, in order
   */
  List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before);

  /**
   * What the step takes beyond the model itself, for predictions.
   *
   * @param shapes as for {@link #check}, which found nothing
   */
  default Cost cost(Map<String, long[]> shapes) {
    return Cost.NONE;
  }

  /**
   * The same step with less work, for runs that only show that everything is in place: it touches
   * the same tensors in the same way, from fewer samples. By default the step as it is.
   */
  default Smoke smoke() {
    return new Smoke(this, Map.of());
  }

  /**
   * A step made cheaper.
   *
   * @param step the step
   * @param settings what it has in place of what was asked for, by the name in recipes
   */
  record Smoke(Step step, Map<String, Integer> settings) {
    public Smoke {
      settings = Map.copyOf(settings);
    }
  }

  /**
   * Memory and work of a step.
   *
   * @param offHeapBytes memory outside of the Java heap
   * @param heapBytes memory on the Java heap
   * @param gradientExamples training examples that pass forward and backward
   * @param outputExamples examples that pass forward alone
   * @param epochs passes over all training examples with an optimizer, each chosen from on tune
   * @param operations of the method itself, counted as those of matrix products that take as long
   */
  record Cost(
      long offHeapBytes,
      long heapBytes,
      long gradientExamples,
      long outputExamples,
      int epochs,
      double operations) {
    /** Nothing worth counting. */
    public static final Cost NONE = new Cost(0, 0, 0, 0, 0);

    /** Of a method whose own arithmetic does not count beside the passes. */
    public Cost(
        long offHeapBytes, long heapBytes, long gradientExamples, long outputExamples, int epochs) {
      this(offHeapBytes, heapBytes, gradientExamples, outputExamples, epochs, 0);
    }

    /** The same with no less than some memory on the heap. */
    public Cost withHeap(long least) {
      return new Cost(
          offHeapBytes,
          Math.max(heapBytes, least),
          gradientExamples,
          outputExamples,
          epochs,
          operations);
    }

    /** So often the same work, with the same memory, and epochs beside it. */
    public Cost repeated(int times, int epochs) {
      return new Cost(
          offHeapBytes,
          heapBytes,
          times * gradientExamples,
          times * outputExamples,
          epochs,
          times * operations);
    }
  }

  /**
   * Changes the weights and decides their stored forms.
   *
   * @return what was done to each tensor
   */
  StepLog apply(CompressionState state);

  /**
   * Something wrong with a step for a given model.
   *
   * @param key the setting that causes it
   * @param message what, where and what to do
   */
  record StepProblem(String key, String message) {}

  /**
   * What will become of one tensor.
   *
   * @param tensor its name
   * @param treatment in words
   * @param storedBytes bytes of its form; an estimate where the weights decide
   */
  record Forecast(String tensor, String treatment, long storedBytes) {}
}
