package dev.bantam.pruning;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Retraining;
import dev.bantam.compression.StepLog;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.MaskedLinear;
import dev.bantam.training.Intervention;
import dev.bantam.training.Schedule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Prunes between the updates of a training. What is gone stays zero: the gradients of these weights
 * are masked, and so is what the products see of them.
 */
final class GradualPruning implements Intervention {
  private final Criterion criterion;
  private final PruningSchedule schedule;
  private final PrunedWeights weights;
  private final CompressionState state;
  private final EncoderModel model;
  private final List<StepLog.Event> events = new ArrayList<>();
  private final Map<String, MaskedLinear> masks = new LinkedHashMap<>();

  private GradualPruning(
      Criterion criterion,
      PruningSchedule schedule,
      PrunedWeights weights,
      CompressionState state,
      EncoderModel model) {
    this.criterion = criterion;
    this.schedule = schedule;
    this.weights = weights;
    this.state = state;
    this.model = model;
  }

  /**
   * Trains and prunes the live model.
   *
   * @param weights in and out
   * @return the events in order
   */
  static List<StepLog.Event> run(
      Criterion criterion,
      PruningSchedule schedule,
      Retraining training,
      PrunedWeights weights,
      CompressionState state) {
    final GradualPruning pruning =
        new GradualPruning(
            criterion, schedule, weights, state, training.encoder(state.resources()));
    try {
      if (weights.isPruned()) {
        pruning.mask(); // by an earlier step
      }
      training.run(state, weights.names(), state.seed("training", "prune"), pruning);
    } finally {
      pruning.unmask();
    }
    weights.readZeros(state.weights()); // of the epoch that was chosen
    return List.copyOf(pruning.events);
  }

  @Override
  public Schedule schedule(long warmUp, long total) {
    return schedule.rates(total);
  }

  @Override
  public boolean beforeUpdate(long update, long total) {
    boolean any = false;
    while (events.size() < schedule.events() && schedule.update(events.size(), total) <= update) {
      settle();
      weights.read(state.weights());
      events.add(
          criterion.prune(
              weights, schedule.sparsity(events.size()), events.size() + 1, false, state));
      mask();
      any = true;
    }
    return any;
  }

  private void mask() {
    for (int t = 0; t < weights.count(); t++) {
      final String name = weights.names().get(t);
      final MaskedLinear mask = new MaskedLinear(state.weights().get(name), weights.kept(t));
      model.setOperator(name, mask);
      final MaskedLinear before = masks.put(name, mask);
      if (before != null) {
        before.close();
      }
    }
  }

  private void unmask() {
    masks.keySet().forEach(model::resetOperator);
    masks.values().forEach(MaskedLinear::close);
    masks.clear();
  }

  /**
   * A weight that has become zero by chance is gone from here on, as it is for a training that goes
   * on from a file, where zeros are all that tells of the masks.
   */
  @Override
  public void settle() {
    if (masks.isEmpty()) {
      return;
    }
    masks.values().forEach(MaskedLinear::applyToWeight);
    final long before = masks.values().stream().mapToLong(MaskedLinear::kept).sum();
    weights.readZeros(state.weights());
    if (weights.left() != before) {
      mask();
    }
  }

  @Override
  public boolean mayBeChosen(long updates, long total) {
    return updates > schedule.last(total);
  }

  @Override
  public String notes() {
    return EventNotes.write(events);
  }

  @Override
  public void restore(String notes) {
    events.addAll(EventNotes.read(notes));
    if (!events.isEmpty() || !masks.isEmpty()) {
      weights.readZeros(state.weights());
      mask();
    }
  }
}
