package dev.bantam.training;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a compression method does to a training while it runs: prunes between two updates, bends the
 * learning rate. {@link #NONE} does nothing.
 *
 * <p>A training that was stopped goes on from its last saved state: weights are put back first,
 * then {@link #restore} gets the notes of that moment. From there everything must come out as it
 * would have without the stop.
 */
public interface Intervention {
  Intervention NONE = new Intervention() {};

  /**
   * The learning rate's schedule.
   *
   * @param warmUp updates of warm-up, as the settings say
   * @param total updates of the whole training
   */
  default Schedule schedule(long warmUp, long total) {
    return Schedule.linear(warmUp, total);
  }

  /**
   * Tensors of its own that are trained, saved and chosen with the model's, by names that no
   * parameter of the model has; the same ones every time. Their gradients come from {@link
   * #gradients}; they do not decay.
   */
  default Map<String, INDArray> parameters() {
    return Map.of();
  }

  /** What the learning rate of one of {@link #parameters} is multiplied with. */
  default double learningRateFactor(String parameter) {
    return 1;
  }

  /**
   * Called with the gradients of an update before they are clipped and used.
   *
   * @param gradients by parameter; tensors may be changed in place, and those of {@link
   *     #parameters} are to be added
   * @return what it adds to the loss
   */
  default double gradients(Map<String, INDArray> gradients) {
    return 0;
  }

  /** Called with what {@link #notes} gave when the state was saved, before the first update. */
  default void restore(String notes) {}

  /**
   * Called before each update; may change the model's weights and operators.
   *
   * @param update its number, from 0
   * @param total updates of the whole training
   * @return whether so much was done that the state is worth saving
   */
  default boolean beforeUpdate(long update, long total) {
    return false;
  }

  /**
   * Called before weights are saved or chosen: the model's parameters must hold what its operators
   * make of them.
   */
  default void settle() {}

  /**
   * Whether the weights may be chosen as the best of the training.
   *
   * @param updates made by the end of the epoch
   * @param total updates of the whole training
   */
  default boolean mayBeChosen(long updates, long total) {
    return true;
  }

  /** What {@link #restore} needs beside the weights. */
  default String notes() {
    return "";
  }
}
