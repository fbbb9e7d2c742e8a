"""Show the cost of the chosen model, and a table with the cost of every model."""

from __future__ import annotations

from collections.abc import Mapping

from app.distill.model_choice import Choice, cost_sentence, cost_table
from app.plain import st


def show(models: Mapping[str, Choice], chosen: str, image_size: int) -> None:
    st.caption(cost_sentence(models[chosen], image_size))
    with st.expander("Cost of every model", icon=":material/speed:", key="distill-costs"):
        columns = {
            "Model": st.column_config.TextColumn(width=166),
            "Parameters": st.column_config.NumberColumn(format="%.2f M", width=82),
            "Mult-adds": st.column_config.NumberColumn(
                format="%.1f M", width=78, help="For one image."
            ),
            "1 image": st.column_config.NumberColumn(format="%.3g ms", width=68),
            "64 images": st.column_config.NumberColumn(format="%.3g ms", width=78),
        }
        st.dataframe(cost_table(models), hide_index=True, column_config=columns, width="stretch")
        if (latency := models[chosen].latency) is not None:
            st.caption(
                f"For images of {image_size} × {image_size} pixels. Times are float32 forward"
                f" passes on {latency.cpu}, measured on {latency.date}. A run's card has the time"
                " on the machine that trained it."
            )
