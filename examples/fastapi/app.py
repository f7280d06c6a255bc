"""A small orders API, to watch with Lapwing.

Run it:  python3 -m uvicorn app:app --port 8000
"""

import secrets
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import List

from fastapi import Depends, FastAPI, HTTPException, Path, Query, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

app = FastAPI(title="Orders", version="1.0.0", description="Orders of a small shop.")


class OrderStatus(str, Enum):
    new = "new"
    paid = "paid"
    shipped = "shipped"


class Item(BaseModel):
    id: int
    name: str
    price: float = Field(gt=0)


class NewOrder(BaseModel):
    item_id: int = Field(example=2)
    quantity: int = Field(1, ge=1, le=100)


class Order(BaseModel):
    id: int
    item_id: int
    quantity: int
    status: OrderStatus
    created_at: datetime


class OrderList(BaseModel):
    orders: List[Order]
    total: int


class Health(BaseModel):
    status: str
    items: int


class Credentials(BaseModel):
    user: str
    password: str


class Token(BaseModel):
    access_token: str
    token_type: str = "bearer"


class User(BaseModel):
    name: str


class Problem(BaseModel):
    detail: str


ITEMS = [
    Item(id=1, name="Oak desk", price=349),
    Item(id=2, name="Desk lamp", price=59.5),
    Item(id=3, name="Wool rug", price=185.9),
]

START = datetime(2026, 1, 1, 8, tzinfo=timezone.utc)

ORDERS = [
    Order(
        id=n,
        item_id=ITEMS[n % len(ITEMS)].id,
        quantity=1 + n % 3,
        status=list(OrderStatus)[n % 3],
        created_at=START + timedelta(hours=7 * n),
    )
    for n in range(1, 41)
]

# One user, and the tokens of this process; the oldest makes room for the next.
USER, PASSWORD = "probe", "lapwing"
TOKENS: List[str] = []

bearer = HTTPBearer()


def not_found(what: str) -> dict:
    return {404: {"model": Problem, "description": what + " not found"}}


@app.get("/health", response_model=Health, tags=["ops"])
async def health():
    return Health(status="ok", items=len(ITEMS))


@app.get("/items", response_model=List[Item], tags=["items"])
async def list_items():
    return ITEMS


@app.get("/items/{item_id}", response_model=Item, responses=not_found("Item"), tags=["items"])
async def get_item(item_id: int = Path(ge=1, example=2)):
    for item in ITEMS:
        if item.id == item_id:
            return item
    raise HTTPException(status.HTTP_404_NOT_FOUND, f"Item {item_id} not found")


@app.get("/orders", response_model=OrderList, tags=["orders"])
async def list_orders(limit: int = Query(10, ge=1, le=50), only: OrderStatus = Query(None)):
    found = [o for o in ORDERS if only is None or o.status == only]
    return OrderList(orders=found[:limit], total=len(found))


@app.get("/orders/{order_id}", response_model=Order, responses=not_found("Order"), tags=["orders"])
async def get_order(order_id: int = Path(ge=1, example=17)):
    for order in ORDERS:
        if order.id == order_id:
            return order
    raise HTTPException(status.HTTP_404_NOT_FOUND, f"Order {order_id} not found")


@app.post("/orders", response_model=Order, status_code=status.HTTP_201_CREATED, responses=not_found("Item"), tags=["orders"])
async def create_order(new: NewOrder):
    if all(item.id != new.item_id for item in ITEMS):
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"Item {new.item_id} not found")
    order = Order(
        id=ORDERS[-1].id + 1,
        item_id=new.item_id,
        quantity=new.quantity,
        status=OrderStatus.new,
        created_at=datetime.now(timezone.utc),
    )
    ORDERS.append(order)
    del ORDERS[1:-200]  # a demo must not grow for ever
    return order


@app.get("/search", response_model=List[Item], tags=["items"])
async def search(q: str = Query(min_length=1, example="desk")):
    return [item for item in ITEMS if q.lower() in item.name.lower()]


@app.post("/login", response_model=Token, responses={401: {"model": Problem}}, tags=["users"])
async def login(credentials: Credentials):
    if credentials.user != USER or not secrets.compare_digest(credentials.password.encode(), PASSWORD.encode()):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Incorrect user or password")
    token = secrets.token_urlsafe()
    TOKENS.append(token)
    del TOKENS[:-1000]
    return Token(access_token=token)


@app.get("/users/me", response_model=User, responses={401: {"model": Problem}, 403: {"model": Problem}}, tags=["users"])
async def me(credentials: HTTPAuthorizationCredentials = Depends(bearer)):
    if credentials.credentials not in TOKENS:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Token is not valid")
    return User(name=USER)
